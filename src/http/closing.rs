//! How a connection ends that is not a WebSocket: so that an early answer reaches the other side.
//!
//! Where a socket is closed with bytes unread, the system resets the connection, and an answer that the other side has
//! not read yet is lost. So the server closes its own direction first, and for a while reads and drops what is still
//! being sent. This module knows sockets, not requests.

use std::{
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::session;

/// How long the other side may take to finish and to close: a busy client, and 100 MiB on a fast network.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that are read only to be dropped: more than the largest message of an honest client.
const MAX_DROPPED: usize = 128 * 1024 * 1024;

/// Bytes that one read takes.
const CHUNK: usize = 16 * 1024;

/// Reads and drops, in bounds of time and size, until the other side has closed.
pub struct Dropping {
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
    left: usize,
}

impl Dropping {
    /// Begins now. A server that stops waits no longer than for a WebSocket's closing handshake.
    pub fn new(shutdown: CancellationToken) -> Self {
        let until = async move {
            tokio::select! {
                () = sleep(PATIENCE) => {}
                () = async { shutdown.cancelled().await; sleep(session::LINGER).await } => {}
            }
        };
        Self { until: Box::pin(until), left: MAX_DROPPED }
    }

    /// Ready when there is no more to wait for. A turn ends where tokio says that it has been long enough.
    pub fn poll(&mut self, socket: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<()> {
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        while self.left > 0 && self.until.as_mut().poll(cx).is_pending() {
            let mut read = ReadBuf::uninit(&mut chunk);
            match ready!(Pin::new(&mut *socket).poll_read(cx, &mut read)) {
                Ok(()) if !read.filled().is_empty() => self.left = self.left.saturating_sub(read.filled().len()),
                Ok(()) | Err(_) => break,
            }
        }
        // There is nothing to wait for any more, whoever asks again.
        self.left = 0;
        Poll::Ready(())
    }
}

/// Answers whatever comes on a connection that is not served.
pub async fn dismiss(mut socket: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8], shutdown: CancellationToken) {
    if socket.write_all(answer).await.is_ok() && socket.shutdown().await.is_ok() {
        let mut dropping = Dropping::new(shutdown);
        std::future::poll_fn(|cx| dropping.poll(&mut socket, cx)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, duplex, repeat};

    use super::*;

    #[tokio::test]
    async fn the_answer_is_there_though_the_question_goes_on() {
        let (mut client, server) = duplex(64);
        let served = tokio::spawn(dismiss(server, b"no", CancellationToken::new()));
        client.write_all(&[0; 100_000]).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "no");
        assert!(!served.is_finished());
        drop(client);
        served.await.unwrap();
    }

    #[tokio::test]
    async fn what_never_ends_is_dropped_in_bounds() {
        let mut endless = repeat(0).take(2 * MAX_DROPPED as u64);
        let mut dropping = Dropping::new(CancellationToken::new());
        for _ in 0..2 {
            std::future::poll_fn(|cx| dropping.poll(&mut endless, cx)).await;
        }
        assert!(endless.limit() >= (MAX_DROPPED - CHUNK) as u64);
    }

    #[tokio::test]
    async fn a_stopping_server_waits_less_for_who_never_closes() {
        let (_client, server) = duplex(64);
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let began = Instant::now();
        dismiss(server, b"no", shutdown).await;
        assert!((session::LINGER..PATIENCE).contains(&began.elapsed()));
    }
}
