//! How a connection ends: what is in the outbox is sent, the reason is said, and the other side gets a moment to agree.

use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf, task::yield_now, time::timeout};

use super::link::{Drained, Link};
use crate::protocol::{close::CloseReason, frame};

/// How long a closed connection waits for the other side to close it, too: a round trip and a busy client.
pub const LINGER: Duration = Duration::from_millis(500);

/// Closes a connection that the hub has been told of. `reason`: the server's side closes it.
pub async fn close(
    reader: &mut OwnedReadHalf,
    link: &Link,
    answered: bool,
    reason: Option<CloseReason>,
    flush_timeout: Duration,
) {
    let Some(reason) = reason else {
        if answered {
            // The answer to the peer's close frame is on its way.
            let _ = timeout(flush_timeout, send_rest(reader, link)).await;
        }
        return;
    };
    if say_last(reader, link, reason, flush_timeout).await {
        let _ = timeout(LINGER, read_to_end(reader)).await;
    }
}

/// Sends what is in the outbox, and the reason behind it. `false`: the connection is reset instead, for that cannot be.
pub async fn say_last(reader: &OwnedReadHalf, link: &Link, reason: CloseReason, flush_timeout: Duration) -> bool {
    let is_said = reason != CloseReason::Slow && push_and_send(reader, link, reason, flush_timeout).await;
    if is_said {
        link.say_goodbye();
        let _ = SockRef::from(reader.as_ref()).shutdown(std::net::Shutdown::Write);
    } else {
        reset(reader);
    }
    is_said
}

/// `false`: another connection has taken the outbox over, perhaps in the middle of a frame; or there was no time.
async fn push_and_send(reader: &OwnedReadHalf, link: &Link, reason: CloseReason, flush_timeout: Duration) -> bool {
    let mut closing = BytesMut::new();
    frame::put_close(&mut closing, reason);
    link.push_close(&closing) && timeout(flush_timeout, send_rest(reader, link)).await.is_ok()
}

/// Writes until the outbox is empty or the socket is broken.
async fn send_rest(reader: &OwnedReadHalf, link: &Link) {
    loop {
        match link.drain() {
            Drained::Done => return,
            Drained::Enough => yield_now().await,
            Drained::Blocked if reader.as_ref().writable().await.is_err() => return,
            Drained::Blocked => {}
        }
    }
}

/// Reads and forgets, so that the close frame is not lost to a reset because of unread bytes.
async fn read_to_end(reader: &mut OwnedReadHalf) {
    let mut sink = [0; 4096];
    while matches!(reader.read(&mut sink).await, Ok(1..)) {}
}

/// Drops the connection and what the kernel still has for it.
fn reset(reader: &OwnedReadHalf) {
    let _ = SockRef::from(reader.as_ref()).set_linger(Some(Duration::ZERO));
}
