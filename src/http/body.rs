//! Reads a request's body, in bounds of size and time, as one text.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{StatusCode, body::Incoming};
use tokio::time::timeout;

use super::reply::{self, Reply};
use crate::protocol::Text;

/// How long a whole body may take. Clients are on fast networks; the largest message is about 100 MiB.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the body. The error is the response: 408, 413, or 400 for what is not UTF-8.
pub async fn read_text(body: Incoming, max_size: usize) -> Result<Text, Reply> {
    let declared = hyper::body::Body::size_hint(&body).lower();
    if declared > max_size as u64 {
        return Err(too_large(max_size));
    }
    let collected = match timeout(BODY_TIMEOUT, Limited::new(body, max_size).collect()).await {
        Err(_) => return Err(reply::closing(StatusCode::REQUEST_TIMEOUT, "408 The body took too long")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large(max_size)),
        Ok(Err(_)) => return Err(reply::closing(StatusCode::BAD_REQUEST, "400 The body could not be read")),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    Text::try_from(collected).map_err(|_| reply::text(StatusCode::BAD_REQUEST, "400 The message is not UTF-8"))
}

fn too_large(max_size: usize) -> Reply {
    let body = format!("413 The message is too large: maxMessageSize is {max_size} bytes");
    reply::closing(StatusCode::PAYLOAD_TOO_LARGE, body)
}
