//! What RFC 9112 demands of a request and hyper leaves to whoever answers it.

use hyper::{
    HeaderMap, Request, StatusCode, Version,
    header::{self, HeaderValue},
    http::uri::Authority,
};

use super::reply::{self, Reply};

/// Checks a request. The host that its target names, if it does, becomes the request's `Host`.
///
/// # Errors
/// The response, after which the connection is closed.
pub fn check<B>(request: &mut Request<B>) -> Result<(), Box<Reply>> {
    if !has_plain_body(request.headers()) {
        return Err(refusal(StatusCode::NOT_IMPLEMENTED, "501 The only transfer coding here is chunked"));
    }
    if !has_good_host(request) {
        return Err(refusal(StatusCode::BAD_REQUEST, "400 A request must name one host"));
    }
    if let Some(named) = request.uri().authority() {
        let host = HeaderValue::from_str(named.as_str()).ok().filter(|host| is_host(host.as_bytes()));
        let host = host.ok_or_else(|| refusal(StatusCode::BAD_REQUEST, "400 The host is not valid"))?;
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(())
}

fn refusal(status: StatusCode, body: &'static str) -> Box<Reply> {
    Box::new(reply::closing(status, body))
}

/// Whether it is beyond doubt where the request ends, so that another may follow on the connection. In a chunked body
/// hyper accepts some line ends that a proxy may have read differently. Published clients send the length instead.
pub fn has_sure_end<B>(request: &Request<B>) -> bool {
    !request.headers().contains_key(header::TRANSFER_ENCODING)
}

/// No transfer coding, or one that nobody can read in two ways. hyper asks only that the last one be chunked.
fn has_plain_body(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// One `Host`, which HTTP/1.0 may leave out. It is empty where the target has no host.
fn has_good_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() == Version::HTTP_10,
        (Some(host), None) => host.is_empty() || is_host(host.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// A name or an address and perhaps a port, but not a user.
fn is_host(host: &[u8]) -> bool {
    !host.contains(&b'@') && Authority::try_from(host).is_ok()
}
