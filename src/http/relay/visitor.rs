//! A client whose database this hub may not have: its request is answered as soon as an owner has taken it in or
//! refused it, or has been looked for for long enough.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{HeaderMap, Response, header};
use tokio::time::timeout;

use super::{
    super::{
        Context,
        entry::{self, Wishes},
        handshake::Upgrade,
        remote,
        reply::{self, Reply},
    },
    calls::{self, Call},
    lobby,
    seek::{Reached, Seeking, seek},
};
use crate::{
    cluster::Cluster,
    guard::guard,
    protocol::query::{self, Query},
};

/// How long a client's request is left unanswered while its database's owner is looked for and asked: only in the
/// answer can a client be refused so that it understands, and the published ones wait for five seconds.
const KNOCK: Duration = Duration::from_secs(2);

/// A client that wants to be taken to its database's owner.
pub(in super::super) struct Visitor {
    db: String,
    call: Call,
    wishes: Wishes,
}

impl Visitor {
    /// A client that this hub would let in.
    pub(in super::super) fn new(
        headers: &HeaderMap,
        text: &str,
        db: &str,
        query: &Query,
        wishes: Wishes,
        cluster: &Cluster,
    ) -> Self {
        let token = query.token.as_deref().unwrap_or_default();
        let call = Call {
            target: calls::target(db, "connect", text),
            remote: wishes.remote,
            key: headers.get(header::SEC_WEBSOCKET_KEY).cloned(),
            cannot_post: cluster.relay.dialer.speaks_tls()
                || remote::came_over_tls(headers)
                || !query::can_be_posted(db, token),
        };
        Self { db: db.to_owned(), call, wishes }
    }

    /// Answers the client's request, whose upgrade would be answered like this.
    pub(in super::super) async fn connect(
        self,
        upgrade: Upgrade,
        response: Reply,
        cluster: &Arc<Cluster>,
        context: &Arc<Context>,
    ) -> Reply {
        let (db, id, call) = (self.db.clone(), self.wishes.id.clone(), self.call.clone());
        let mut seeking: Seeking = Box::pin(seek(db, id, call, cluster.clone(), context.clone()));
        let reached = match timeout(KNOCK, &mut seeking).await {
            Ok(Reached::Refused(answer)) => return refusal(answer),
            Ok(Reached::TurnedAway(refused)) => {
                return entry::turn_away(self.wishes.remote, &self.db, &refused, context).await;
            }
            Ok(reached) => Some(reached),
            Err(_) => None,
        };
        let (cluster, shared) = (cluster.clone(), context.clone());
        let stay =
            async move { lobby::stay((&self.db, self.wishes), upgrade, reached, seeking, &cluster, &shared).await };
        context.tasks.spawn(guard(context.observer(), "relay", Box::pin(stay)));
        response
    }
}

/// What an owner has said, as this hub says it.
fn refusal(answer: Response<Bytes>) -> Reply {
    let (head, body) = answer.into_parts();
    reply::closing(head.status, body)
}
