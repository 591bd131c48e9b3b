//! Responses.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};

/// A response with a whole body.
pub type Reply = Response<Full<Bytes>>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// A plain text response.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    typed(status, TEXT, body.into())
}

/// `200` with JSON.
pub fn json(body: impl Into<Bytes>) -> Reply {
    typed(StatusCode::OK, JSON, body.into())
}

/// `200` with a content of any type.
pub fn content(content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    typed(StatusCode::OK, HeaderValue::from_static(content_type), body.into())
}

/// A response after which the connection is closed: the rest of the request is not read.
pub fn closing(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    with(text(status, body), header::CONNECTION, HeaderValue::from_static("close"))
}

/// Adds a header.
pub fn with(mut reply: Reply, name: header::HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}

/// 401.
pub fn unauthorized() -> Reply {
    closing(StatusCode::UNAUTHORIZED, "401 Unauthorized")
}

/// 403, for a request from a web page.
pub fn foreign_page() -> Reply {
    let advice = "403 Web pages may not reach this server. List the page's origin in allowedOrigins if this one may. If you \
                  have followed a link, enter the address by hand";
    closing(StatusCode::FORBIDDEN, advice)
}

/// 403, for a request under a host name that a stranger may have given the server's address.
pub fn foreign_host() -> Reply {
    let advice = "403 Without a token the server shows itself only under an address, a private name or its own. Set a token, \
                  or list the origin that you use in allowedOrigins";
    closing(StatusCode::FORBIDDEN, advice)
}

/// 404.
pub fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "404 Not found")
}

/// 405, and the method that would do.
pub fn method_not_allowed(allowed: &'static str) -> Reply {
    let reply = text(StatusCode::METHOD_NOT_ALLOWED, format!("405 Method not allowed. Use {allowed}"));
    with(reply, header::ALLOW, HeaderValue::from_static(allowed))
}

fn typed(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    with(reply, header::CONTENT_TYPE, content_type)
}
