//! HTTP/1.1 on the hub's port: the protocol's routes, and the upgrade to WebSocket.
//!
//! hyper reads requests and writes responses; this module decides what they mean. It knows the hub and sessions, not
//! listeners, TLS or configuration files.

pub mod access;
mod body;
pub mod closing;
pub mod remote;
mod reply;
mod routes;
mod rules;
mod status;
pub mod stream;
pub mod upgrade;
mod waiting;

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    hub::{
        Hub,
        event::{Event, Observer, Refusal},
    },
    observe::Watch,
    protocol::query::{self, Query},
    session,
};
use access::{Access, Sight};
use remote::Proxies;
use reply::Reply;
use stream::Stream;

/// hyper's read buffer may not be smaller (8 KiB); it holds a request's head.
const MIN_READ_BUFFER: usize = 8 * 1024;

/// Headers of a request. Clients send about ten.
const MAX_HEADERS: usize = 64;

/// What every request may need.
pub struct Context {
    /// The post office.
    pub hub: Arc<Hub>,
    /// Who may come in.
    pub access: Access,
    /// Who may say for whom a request is.
    pub proxies: Proxies,
    /// Limits of WebSocket sessions.
    pub limits: session::Limits,
    /// `limits.max_payload` of those who cannot POST, in UTF-16 units: their TLS has ended at a proxy, or their path has characters that
    /// are not sent.
    pub max_payload_without_post: usize,
    /// Most bytes of a request's head.
    pub max_header_size: usize,
    /// How long a request's head may take.
    pub handshake_timeout: Duration,
    /// `GET /:db/send` is allowed where a token is asked for (NODE_ENV=development).
    pub development: bool,
    /// Told of refusals and faults, and asked how things have gone.
    pub watch: Arc<Watch>,
    /// The live page is served.
    pub dashboard: bool,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// All tasks of connections, so that a stop can wait for them.
    pub tasks: TaskTracker,
}

impl Context {
    /// For whatever only has something to tell.
    pub fn observer(&self) -> Arc<dyn Observer> {
        self.watch.clone()
    }

    /// Limits of the session that a request begins. Who cannot POST is told to send all over the socket.
    fn limits_of(&self, headers: &HeaderMap, db: &str, query: &Query) -> session::Limits {
        let token = query.token.as_deref().unwrap_or_default();
        if remote::came_over_tls(headers) || !query::can_be_posted(db, token) {
            session::Limits { max_payload: self.max_payload_without_post, ..self.limits }
        } else {
            self.limits
        }
    }

    /// Is there a `GET /:db/send` for this database? Any page can make a browser send a GET: a token must be asked for.
    fn sends_from_query(&self, db: &str) -> bool {
        self.development && self.access.asks_token(Sight::Database(db))
    }

    /// `remote`: who was refused.
    fn tell_refused(&self, remote: IpAddr, db: &str, status: StatusCode, reason: &'static str) {
        let db = query::shortened(db).into();
        let refusal = Refusal { db, status: status.as_u16(), reason, remote, left_out: 0 };
        self.watch.event_of_stranger(Some(remote), Event::Refused(refusal));
    }
}

/// HTTP/1.1 as every connection speaks it. `max_header_size`: most bytes of a request's head; `handshake_timeout`: how long it
/// may take.
pub fn protocol(max_header_size: usize, handshake_timeout: Duration) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(handshake_timeout)
        .max_headers(MAX_HEADERS)
        .max_header_size(max_header_size)
        .max_buf_size(max_header_size.max(MIN_READ_BUFFER));
    protocol
}

/// Serves the requests of one connection, until it ends or becomes a WebSocket (which has a task of its own). `from`:
/// the address at its other end.
pub async fn serve(stream: Stream, from: IpAddr, context: Arc<Context>) {
    let service = service_fn(|request| {
        let context = context.clone();
        async move { Ok::<_, Infallible>(answer(request, from, &context).await) }
    });
    let connection = protocol(context.max_header_size, context.handshake_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // An error here is the peer's: a malformed request has been answered, a broken connection cannot be.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = context.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(mut request: Request<Incoming>, from: IpAddr, context: &Arc<Context>) -> Reply {
    let remote = context.proxies.client(from, request.headers());
    let has_sure_end = rules::has_sure_end(&request);
    let is_whole = request.body().is_end_stream();
    let is_post = request.method() == Method::POST;
    let reply = match rules::check(&mut request) {
        Ok(()) => routes::handle(request, remote, context).await,
        Err(refusal) => *refusal,
    };
    // A body is read where a POST is obeyed. hyper closes behind one that is not, which the client should know before.
    let is_read = is_whole || is_post && reply.status() == StatusCode::OK;
    if has_sure_end && is_read {
        reply
    } else {
        reply::with(reply, header::CONNECTION, HeaderValue::from_static("close"))
    }
}
