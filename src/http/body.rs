//! Reads a request's body, in bounds of size and time, as one text.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    StatusCode,
    body::{Body, Incoming},
};
use tokio::time::timeout;

use super::reply::{self, Reply};
use crate::{
    protocol::Text,
    session::Limits,
    unfinished::{Full, growing::Growing, patience},
};

/// Why a body is not taken.
enum Unread {
    TooLarge,
    Broken,
}

/// Reads the body of a client's request. It waits, unread, until there is room for all of it. The error is the
/// response: 408, 413, 503, or 400 for what is not UTF-8.
pub async fn read_text(body: Incoming, db: &str, client: &str, limits: &Limits) -> Result<Text, Reply> {
    let max_size = limits.max_message_size;
    if body.size_hint().lower() > max_size as u64 {
        return Err(too_large(max_size));
    }
    // A body that does not say how long it is may be as long as any.
    let size = body.size_hint().exact().map_or(max_size, |size| size as usize);
    let _claim = limits.unfinished.claim(db, client, size).await.map_err(full)?;
    let bytes = match timeout(patience(size), read(body, size)).await {
        Err(_) => return Err(reply::closing(StatusCode::REQUEST_TIMEOUT, "408 The body took too long")),
        Ok(Err(Unread::TooLarge)) => return Err(too_large(max_size)),
        Ok(Err(Unread::Broken)) => {
            return Err(reply::closing(StatusCode::BAD_REQUEST, "400 The body could not be read"));
        }
        Ok(Ok(body)) => body.finish(),
    };
    Text::try_from(bytes).map_err(|_| reply::text(StatusCode::BAD_REQUEST, "400 The message is not UTF-8"))
}

/// Reads the body of another hub's request. The error is the response.
pub async fn read_bytes(body: Incoming, max_size: usize, limit: Duration) -> Result<Bytes, Reply> {
    let size = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size <= max_size) else { return Err(too_large(max_size)) };
    match timeout(limit, read(body, size)).await {
        Ok(Ok(body)) => Ok(body.finish()),
        Ok(Err(_)) => Err(reply::closing(StatusCode::BAD_REQUEST, "400 The body could not be read")),
        Err(_) => Err(reply::closing(StatusCode::REQUEST_TIMEOUT, "408 The body took too long")),
    }
}

/// Puts the parts into one buffer as they come: they are slices of hyper's buffers, and a list of them may take many
/// times what is in them.
async fn read(mut body: Incoming, size: usize) -> Result<Growing, Unread> {
    let mut whole = Growing::default();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        let to_come = size - whole.len();
        if part.len() > to_come {
            return Err(Unread::TooLarge);
        }
        whole.push(&part, to_come);
    }
    Ok(whole)
}

fn full(full: Full) -> Reply {
    reply::closing(StatusCode::SERVICE_UNAVAILABLE, format!("503 {full}"))
}

/// 413.
pub fn too_large(max_size: usize) -> Reply {
    let body = format!("413 The message is too large: maxMessageSize is {max_size} bytes");
    reply::closing(StatusCode::PAYLOAD_TOO_LARGE, body)
}
