//! Clients that have shown what they must: from an upgrade request, or from the lobby, to a session.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use hyper::{Request, StatusCode};

use super::{
    Context,
    handshake::Upgrade,
    reply::{self, Reply},
    stream::Stream,
    waiting::{self, Entrance},
};
use crate::{
    guard::guard,
    hub::Refused,
    protocol::{
        self,
        query::{Query, Refusal},
        reliable::Offer,
    },
    session::{Limits, Session, passage::Whose},
};

/// Who wants to come in, and how.
pub(super) struct Wishes {
    pub(super) id: String,
    offer: Option<Offer>,
    limits: Limits,
    pub(super) remote: SocketAddr,
    whose: Whose,
}

/// A connection whose request is answered, or about to be.
pub(super) enum Arrival {
    /// As hyper gives it.
    Upgrade(Upgrade),
    /// It has waited; with what it has said meanwhile.
    Stream(Box<Stream>, Bytes),
}

impl Wishes {
    /// What a request says. `whose`: the connection is; `remote`: the address of that client.
    ///
    /// # Errors
    /// Another version of the protocol, or no id.
    pub(super) fn of<B>(
        request: &Request<B>,
        whose: Whose,
        remote: SocketAddr,
        db: &str,
        query: &Query,
        context: &Context,
    ) -> Result<Self, Refusal> {
        query.check_version()?;
        let id = query.valid_id()?.to_owned();
        let limits = context.limits_of(request.headers(), db, query);
        Ok(Self { id, offer: Offer::of(query), limits, remote, whose })
    }
}

impl Arrival {
    async fn stream(self) -> Option<(Stream, Bytes)> {
        match self {
            Self::Upgrade(upgrade) => upgrade.stream().await,
            Self::Stream(stream, ahead) => Some((*stream, ahead)),
        }
    }
}

/// Answers a client's request: with `101` a session begins here.
pub(super) async fn enter(
    upgrade: Upgrade,
    response: Reply,
    wishes: Wishes,
    db: &str,
    context: &Arc<Context>,
) -> Reply {
    match waiting::enter(db, &wishes.id, context).await {
        Ok(entrance) => {
            let (db, shared) = (db.to_owned(), context.clone());
            let session = async move { begin_session(Arrival::Upgrade(upgrade), entrance, &db, wishes, &shared).await };
            context.tasks.spawn(guard(context.observer(), "upgrade", session));
            response
        }
        Err(refused) => turn_away(wishes.remote, db, &refused, context).await,
    }
}

/// Says that the hub does not let somebody in.
pub(super) async fn turn_away(remote: SocketAddr, db: &str, refused: &Refused, context: &Context) -> Reply {
    let status = match refused {
        Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        // After 503 a published client would try again for ever, and a master would write meanwhile.
        Refused::ByCoordinator(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    context.watch.identify(remote).await;
    context.tell_refused(remote, db, status, refused.label());
    reply::closing(status, format!("{} {refused}", status.as_u16()))
}

/// Says why a client may not come in.
pub(super) async fn refuse(remote: SocketAddr, db: &str, refusal: &Refusal, context: &Context) -> Reply {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    context.watch.identify(remote).await;
    context.tell_refused(remote, db, status, refusal.label());
    reply::closing(status, refusal.body())
}

/// Gives a connection to a session, which gets a task of its own: a small one.
pub(super) async fn begin_session(arrival: Arrival, entrance: Entrance, db: &str, wishes: Wishes, context: &Context) {
    let Wishes { id, offer, limits, remote, whose } = wishes;
    // Who has the extension is welcomed once, when it is in.
    let welcome = offer.is_none().then(|| protocol::welcome(limits.max_payload));
    let Some((stream, ahead)) = arrival.stream().await else { return };
    let entered = match entrance {
        Entrance::Open(place) => Some((stream.into_connection(ahead), place)),
        // Its future is a large one, and rare.
        Entrance::StandBy(candidate) => match Box::pin(candidate.stand_by((stream, ahead), welcome)).await {
            Ok(entered) => entered,
            Err(objection) => {
                context.watch.identify(remote).await;
                return context.tell_refused(remote, db, StatusCode::FORBIDDEN, objection.label());
            }
        },
    };
    let Some((mut connection, place)) = entered else { return };
    connection.whose = whose;
    if let Ok(session) = Session::begin(&context.hub, db, &id, connection, offer, limits) {
        // It has come in.
        drop(place);
        context.sessions.spawn(session);
        context.close_if_moved(db);
    }
}
