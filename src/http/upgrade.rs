//! `GET /:db/connect`: from an HTTP request to a session.

use std::{net::IpAddr, sync::Arc};

use hyper::{Request, StatusCode, body::Incoming, header};

use super::{
    Context,
    handshake::{Upgrade, upgrade_required},
    reply::{self, Reply},
    waiting::{self, Entrance},
};
use crate::{
    guard::guard,
    hub::Refused,
    protocol::query::{Query, Refusal},
    session::{Limits, Session},
};

/// Answers an upgrade request, perhaps after a while; with `101` a session begins on the connection. `remote`: whose
/// request it is.
pub async fn connect(
    mut request: Request<Incoming>,
    remote: IpAddr,
    db: &str,
    query: &Query,
    context: &Arc<Context>,
) -> Reply {
    if !request.headers().contains_key(header::UPGRADE) {
        return upgrade_required();
    }
    let id = match admitted_id(db, query, context) {
        Ok(id) => id.to_owned(),
        Err(refusal) => return refuse(remote, db, &refusal, context),
    };
    let (upgrade, response) = match Upgrade::accept(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    match waiting::enter(db, &id, context).await {
        Ok(entrance) => {
            let limits = context.limits_of(request.headers(), db, query);
            let (db, shared) = (db.to_owned(), context.clone());
            let session = async move { begin_session(upgrade, entrance, &db, &id, limits, &shared).await };
            context.tasks.spawn(guard(context.observer(), "upgrade", session));
            response
        }
        Err(refused) => turn_away(remote, db, &refused, context),
    }
}

fn turn_away(remote: IpAddr, db: &str, refused: &Refused, context: &Context) -> Reply {
    let status = match refused {
        Refused::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        // After 503 a published client would try again for ever, and a master would write meanwhile.
        Refused::ByCoordinator(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    context.tell_refused(remote, db, status, refused.label());
    reply::closing(status, format!("{} {refused}", status.as_u16()))
}

fn admitted_id<'a>(db: &str, query: &'a Query, context: &Context) -> Result<&'a str, Refusal> {
    query.check_version()?;
    let id = query.valid_id()?;
    match context.access.allows_token(db, query.token.as_deref()) {
        true => Ok(id),
        false if context.access.serves(db) => Err(Refusal::Unauthorized),
        false => Err(Refusal::Unlisted),
    }
}

fn refuse(remote: IpAddr, db: &str, refusal: &Refusal, context: &Context) -> Reply {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    context.tell_refused(remote, db, status, refusal.label());
    reply::closing(status, refusal.body())
}

/// Takes the connection from hyper and gives it to a session, which gets a task of its own: a small one.
async fn begin_session(upgrade: Upgrade, entrance: Entrance, db: &str, id: &str, limits: Limits, context: &Context) {
    let entered = match entrance {
        Entrance::Open(place) => upgrade.connection().await.map(|connection| (connection, place)),
        // Its future is a large one, and rare.
        Entrance::StandBy(candidate) => Box::pin(candidate.stand_by(upgrade, limits.max_payload)).await,
    };
    let Some((connection, place)) = entered else { return };
    if let Ok(session) = Session::begin(&context.hub, db, id, connection, limits) {
        // It has come in.
        drop(place);
        context.sessions.spawn(session);
    }
}
