//! One request to another hub, over a connection of its own. Knows HTTP, and nothing of what is asked.

use std::{future::poll_fn, io, pin::pin, task::Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Incoming},
    client::conn::http1::{self, Connection},
};
use hyper_util::rt::TokioIo;

use super::dial::Line;

/// hyper's buffer for an answer's head, in bytes: hubs answer with a few short headers.
const HEAD_BUFFER: usize = 16 * 1024;

/// Bytes of an answer that says why not.
const MAX_REFUSAL: usize = 64 * 1024;

/// Why there is no answer.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What another hub has said to a request for an upgrade.
pub enum Opened {
    /// `101`: from here on the connection is the client's. What has been said on it already.
    Through { line: Line, ahead: Bytes, head: Response<()> },
    /// Anything else.
    Answered(Response<Bytes>),
}

/// Asks for an upgrade.
///
/// # Errors
/// There was no answer.
pub async fn open<B>(line: Line, request: Request<B>) -> Result<Opened, Failed>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failed>,
{
    let (response, mut talk) = Talk::begin(line, request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let (line, ahead) = talk.take_over().await?;
        return Ok(Opened::Through { line, ahead, head: response.map(drop) });
    }
    Ok(Opened::Answered(talk.read(response, MAX_REFUSAL).await?))
}

/// Asks for something else. `max`: bytes of the answer.
///
/// # Errors
/// There was no answer, or it was too long.
pub async fn ask<B>(line: Line, request: Request<B>, max: usize) -> Result<Response<Bytes>, Failed>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failed>,
{
    let (response, mut talk) = Talk::begin(line, request).await?;
    talk.read(response, max).await
}

/// A connection that is moved on while somebody waits for what it brings.
struct Talk<B: Body + 'static> {
    connection: Connection<TokioIo<Line>, B>,
    is_over: bool,
}

impl<B> Talk<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failed>,
{
    async fn begin(line: Line, request: Request<B>) -> Result<(Response<Incoming>, Self), Failed> {
        let (mut sender, connection) =
            http1::Builder::new().max_buf_size(HEAD_BUFFER).handshake(TokioIo::new(line)).await?;
        let mut talk = Self { connection, is_over: false };
        let response = talk.meanwhile(sender.send_request(request)).await?;
        Ok((response, talk))
    }

    /// Moves the connection on while it is waited for.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            // What has come is taken first: the connection may have ended with it.
            for _ in 0..2 {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                if self.is_over {
                    break;
                }
                // How it has ended shows in what is waited for.
                self.is_over = self.connection.poll_without_shutdown(cx).is_ready();
            }
            Poll::Pending
        })
        .await
    }

    async fn take_over(mut self) -> io::Result<(Line, Bytes)> {
        if !self.is_over {
            poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await.map_err(io::Error::other)?;
        }
        let parts = self.connection.into_parts();
        Ok((parts.io.into_inner(), parts.read_buf))
    }

    async fn read(&mut self, response: Response<Incoming>, max: usize) -> Result<Response<Bytes>, Failed> {
        let (head, mut body) = response.into_parts();
        let mut whole = BytesMut::new();
        while let Some(frame) = self.meanwhile(body.frame()).await {
            let Ok(part) = frame?.into_data() else { continue };
            if whole.len() + part.len() > max {
                return Err(format!("the answer is longer than {max} bytes").into());
            }
            whole.extend_from_slice(&part);
        }
        Ok(Response::from_parts(head, whole.freeze()))
    }
}
