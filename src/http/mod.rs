//! HTTP/1.1 on the hub's port: the protocol's routes, and the upgrade to WebSocket.
//!
//! hyper reads requests and writes responses; this module decides what they mean. It knows the hub and sessions, not
//! listeners, TLS or configuration files.

pub mod access;
mod activity;
mod body;
pub mod closing;
mod context;
pub mod departure;
mod entry;
pub mod handshake;
mod inside;
mod local;
mod operator;
pub mod relay;
pub mod remote;
mod reply;
mod routes;
mod rules;
mod status;
pub mod stream;
mod upgrade;
mod waiting;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{
    Method, Request, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};

pub use context::Context;

use activity::Activity;
use reply::Reply;
use stream::Stream;

/// hyper's read buffer may not be smaller (8 KiB); it holds a request's head.
const MIN_READ_BUFFER: usize = 8 * 1024;

/// Headers of a request. Clients send about ten.
const MAX_HEADERS: usize = 64;

/// HTTP/1.1 as every connection speaks it. `max_header_size`: most bytes of a request's head; `handshake_timeout`: how
/// long it may take.
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
pub async fn serve(stream: Stream, from: SocketAddr, context: Arc<Context>) {
    let (activity, has_tls) = (stream.activity(), stream.has_tls());
    let service = service_fn(|request| {
        let (context, activity) = (context.clone(), activity.clone());
        activity.begins();
        async move {
            let reply = answer(request, from, &context).await;
            activity.is_answered();
            Ok::<_, Infallible>(reply)
        }
    });
    let mut connection = protocol(context.max_header_size, context.handshake_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // An error here is the peer's: a malformed request has been answered, a broken connection cannot be.
    tokio::select! {
        // What was not read before the server's end is for the next one.
        biased;
        () = context.shutdown.cancelled() => {}
        _ = &mut connection => {
            if activity.has_spoken_tls() {
                context.tell_tls_on_plain_port(from);
            }
            return;
        }
    }
    if !context.departure.leaves_idle(has_tls) {
        Pin::new(&mut connection).graceful_shutdown();
        let _ = (&mut connection).await;
    } else if until_idle(&mut connection, &activity).await
        && let Some(parts) = connection.into_parts()
        && let Some(idle) = parts.io.into_inner().into_idle(parts.read_buf)
    {
        context.departure.leave(idle);
    }
}

/// Serves a connection until it is between two requests, and reads nothing if it is so already. `false`: it has ended.
async fn until_idle(mut connection: impl Future + Unpin, activity: &Activity) -> bool {
    poll_fn(|cx| {
        if activity.is_idle() {
            return Poll::Ready(true);
        }
        match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending if activity.is_idle() => Poll::Ready(true),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn answer(mut request: Request<Incoming>, from: SocketAddr, context: &Arc<Context>) -> Reply {
    let remote = context.proxies.client(from, request.headers());
    let has_sure_end = rules::has_sure_end(&request);
    let is_whole = request.body().is_end_stream();
    let is_post = request.method() == Method::POST;
    let reply = match rules::check(&mut request) {
        Ok(()) => routes::handle(request, remote, context).await,
        Err(refusal) => *refusal,
    };
    // A body is read only where a POST succeeds. Behind one that is not read hyper closes the connection, which the
    // client should know before.
    let is_read = is_whole || is_post && reply.status() == StatusCode::OK;
    if has_sure_end && is_read {
        reply
    } else {
        reply::with(reply, header::CONNECTION, HeaderValue::from_static("close"))
    }
}
