//! `GET /:db/connect`: from an HTTP request to a session.

use std::sync::Arc;

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::{self, handshake::server::create_response_with_body};

use super::{
    Context,
    reply::{self, Reply},
    stream::Stream,
};
use crate::{
    guard::guard,
    protocol::query::{Query, Refusal},
    session::Session,
};

/// Answers an upgrade request; with `101` a session begins on the connection.
pub fn connect(mut request: Request<Incoming>, db: &str, query: &Query, context: &Arc<Context>) -> Reply {
    if !request.headers().contains_key(header::UPGRADE) {
        return upgrade_required();
    }
    let id = match admitted_id(db, query, context) {
        Ok(id) => id.to_owned(),
        Err(refusal) => return refuse(db, &refusal, context),
    };
    let on_upgrade = hyper::upgrade::on(&mut request);
    let response = match switching_protocols(&request) {
        Ok(response) => response,
        Err(error) => {
            return reply::closing(StatusCode::BAD_REQUEST, format!("400 Not a WebSocket handshake: {error}"));
        }
    };
    if let Err(reason) = context.hub.admit(db, &id) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        context.tell_refused(db, status, reason.label());
        return reply::closing(status, format!("503 {reason}"));
    }
    let (db, shared) = (db.to_owned(), context.clone());
    let session = async move { begin_session(on_upgrade, &db, &id, &shared).await };
    context.tasks.spawn(guard(context.observer(), "upgrade", session));
    response
}

fn admitted_id<'a>(db: &str, query: &'a Query, context: &Context) -> Result<&'a str, Refusal> {
    query.check_version()?;
    let id = query.valid_id()?;
    if context.access.allows_token(db, query.token.as_deref()) { Ok(id) } else { Err(Refusal::Unauthorized) }
}

fn refuse(db: &str, refusal: &Refusal, context: &Context) -> Reply {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    context.tell_refused(db, status, refusal.label());
    reply::closing(status, refusal.body())
}

/// tungstenite checks the handshake and computes the accept key.
fn switching_protocols(request: &Request<Incoming>) -> Result<Reply, tungstenite::Error> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    create_response_with_body(&head, Default::default)
}

fn upgrade_required() -> Reply {
    let reply = reply::text(StatusCode::UPGRADE_REQUIRED, "426 This is a WebSocket endpoint");
    reply::with(reply, header::UPGRADE, HeaderValue::from_static("websocket"))
}

/// Takes the connection from hyper and gives it to a session, which gets a task of its own: a small one.
async fn begin_session(on_upgrade: OnUpgrade, db: &str, id: &str, context: &Context) {
    // Failing here means that the connection is gone already.
    let Ok(upgraded) = on_upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
    let connection = parts.io.into_inner().into_connection(parts.read_buf);
    if let Ok(session) = Session::begin(&context.hub, db, id, connection, context.limits) {
        context.tasks.spawn(guard(context.observer(), "session", session.serve()));
    }
}
