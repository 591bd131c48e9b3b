//! The WebSocket handshake of RFC 6455: checks a request, makes the response, and takes the connection over after it.
//! Knows nothing of who may come in.

use std::{fmt, time::Duration};

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
    reply::{self, Reply},
    stream::Stream,
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

    /// The stream that the request came over, after the response, with what was read behind the request. `None`: it is
    /// gone already.
    pub async fn stream(self) -> Option<(Stream, Bytes)> {
        let parts = timeout(TAKE_OVER_TIMEOUT, self.0).await.ok()?.ok()?.downcast::<TokioIo<Stream>>().ok()?;
        Some((parts.io.into_inner(), parts.read_buf))
    }
}

/// tungstenite checks the rest and computes the accept key. It reads only one line of each header, and compares all of
/// it: so headers that may be lists are reduced to the one item that counts.
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

/// 426.
pub(super) fn upgrade_required() -> Reply {
    let reply = reply::text(StatusCode::UPGRADE_REQUIRED, "426 This is a WebSocket endpoint");
    let reply = reply::with(reply, header::CONNECTION, HeaderValue::from_static("upgrade"));
    reply::with(reply, header::UPGRADE, HeaderValue::from_static("websocket"))
}

fn bad_handshake(reason: impl fmt::Display) -> Box<Reply> {
    Box::new(reply::closing(StatusCode::BAD_REQUEST, format!("400 Not a WebSocket handshake: {reason}")))
}
