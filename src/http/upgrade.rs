//! `GET /:db/connect`: from an HTTP request to a session.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderName, HeaderValue},
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, handshake::server::create_response_with_body};

use super::{
    Context,
    reply::{self, Reply},
    stream::Stream,
    waiting::{self, Entrance},
};
use crate::{
    guard::guard,
    hub::Refused,
    protocol::query::{Query, Refusal},
    session::{Connection, Limits, Session},
};

/// The version of the WebSocket protocol that the server speaks: RFC 6455's.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// How long a connection may take to be taken over after its response: as long as it takes to write it.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that becomes a WebSocket when its request has been answered.
pub struct Upgrade(OnUpgrade);

impl Upgrade {
    /// Checks the handshake. With the upgrade comes the response to it, `101`.
    ///
    /// # Errors
    /// The response: 426 to what is not RFC 6455's WebSocket, else 400.
    pub fn accept(request: &mut Request<Incoming>) -> Result<(Self, Reply), Box<Reply>> {
        if !lists(request.headers(), header::UPGRADE, "websocket") {
            return Err(Box::new(upgrade_required()));
        }
        if only(request.headers(), header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
            return Err(Box::new(reply::with(upgrade_required(), header::SEC_WEBSOCKET_VERSION, VERSION)));
        }
        if !request.body().is_end_stream() {
            // It would be taken for frames.
            return Err(bad_handshake("it has a body"));
        }
        let response = switching_protocols(request).map_err(bad_handshake)?;
        Ok((Self(hyper::upgrade::on(request)), response))
    }

    /// The connection, after the response. `None`: it is gone already.
    pub async fn connection(self) -> Option<Connection> {
        let (stream, read_ahead) = self.stream().await?;
        Some(stream.into_connection(read_ahead))
    }

    /// As [`Upgrade::connection`], in the form that the request came by, and what was read behind the request.
    pub async fn stream(self) -> Option<(Stream, Bytes)> {
        let parts = timeout(TAKE_OVER_TIMEOUT, self.0).await.ok()?.ok()?.downcast::<TokioIo<Stream>>().ok()?;
        Some((parts.io.into_inner(), parts.read_buf))
    }
}

/// Answers an upgrade request, where need be after a while; with `101` a session begins on the connection. `remote`: whose
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

/// tungstenite checks the rest and computes the accept key. It reads one line of each header, and the whole line: what
/// may be a list of several lines is put down as the one item that counts.
fn switching_protocols(request: &Request<Incoming>) -> Result<Reply, tungstenite::Error> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    let headers = request.headers();
    let lines = head.headers_mut();
    lines.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    lines.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
    if lists(headers, header::CONNECTION, "upgrade") {
        lines.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(key) = only(headers, header::SEC_WEBSOCKET_KEY) {
        lines.insert(header::SEC_WEBSOCKET_KEY, key.clone());
    }
    create_response_with_body(&head, Default::default)
}

/// Is this an item of a header that is a list?
fn lists(headers: &HeaderMap, header: HeaderName, item: &str) -> bool {
    let lines = headers.get_all(header).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|found| found.trim().eq_ignore_ascii_case(item))
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, header: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(header).into_iter();
    values.next().filter(|_| values.next().is_none())
}

fn upgrade_required() -> Reply {
    let reply = reply::text(StatusCode::UPGRADE_REQUIRED, "426 This is a WebSocket endpoint");
    let reply = reply::with(reply, header::CONNECTION, HeaderValue::from_static("upgrade"));
    reply::with(reply, header::UPGRADE, HeaderValue::from_static("websocket"))
}

fn bad_handshake(reason: impl fmt::Display) -> Box<Reply> {
    Box::new(reply::closing(StatusCode::BAD_REQUEST, format!("400 Not a WebSocket handshake: {reason}")))
}

/// Takes the connection from hyper and gives it to a session, which gets a task of its own: a small one.
async fn begin_session(upgrade: Upgrade, entrance: Entrance, db: &str, id: &str, limits: Limits, context: &Context) {
    let entered = match entrance {
        Entrance::Open(place) => upgrade.connection().await.map(|connection| (connection, place)),
        // Its future is a large one, and rare.
        Entrance::StandBy(candidate) => Box::pin(candidate.stand_by(upgrade, limits)).await,
    };
    let Some((connection, place)) = entered else { return };
    if let Ok(session) = Session::begin(&context.hub, db, id, connection, limits) {
        // It has come in.
        drop(place);
        context.tasks.spawn(guard(context.observer(), "session", session.serve()));
    }
}
