//! `GET /:db/connect`: whether a client may come in, and where to.

use std::{net::SocketAddr, sync::Arc};

use hyper::{Request, body::Incoming, header};

use super::{
    Context,
    entry::{self, Wishes},
    handshake::{Upgrade, upgrade_required},
    relay::Visitor,
    reply::Reply,
};
use crate::{
    cluster::Whereabouts,
    protocol::query::{Query, Refusal},
    session::passage::Whose,
};

/// Answers an upgrade request, perhaps after a while; with `101` a session begins on the connection, here or at the hub
/// that has the database. `remote`: whose request it is.
pub async fn connect(
    mut request: Request<Incoming>,
    remote: SocketAddr,
    db: &str,
    query: &Query,
    context: &Arc<Context>,
) -> Reply {
    if !request.headers().contains_key(header::UPGRADE) {
        return upgrade_required();
    }
    let wishes = Wishes::of(&request, Whose::Told(remote), remote, db, query, context);
    let wishes = match wishes.and_then(|wishes| check_token(db, query, context).map(|()| wishes)) {
        Ok(wishes) => wishes,
        Err(refusal) => return entry::refuse(remote, db, &refusal, context).await,
    };
    let (upgrade, response) = match Upgrade::accept(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    match &context.cluster {
        Some(cluster) if !matches!(cluster.registry.look(db), Whereabouts::Here { .. }) => {
            let text = request.uri().query().unwrap_or_default();
            let visitor = Visitor::new(request.headers(), text, db, query, wishes, cluster);
            // Its future is a large one, and rare.
            Box::pin(visitor.connect(upgrade, response, cluster, context)).await
        }
        _ => entry::enter(upgrade, response, wishes, db, context).await,
    }
}

fn check_token(db: &str, query: &Query, context: &Context) -> Result<(), Refusal> {
    match context.access.allows_token(db, query.token.as_deref()) {
        true => Ok(()),
        false if !context.access.serves(db) => Err(Refusal::Unlisted),
        false if query.has_token() => Err(Refusal::TokenWrong),
        false => Err(Refusal::TokenMissing),
    }
}
