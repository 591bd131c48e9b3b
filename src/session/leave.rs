//! How a session ends when the server does: its peer is told, and still heard until it has read that.
//!
//! What it says before is a part of its session, which may go on with the next server. What it is told later waits for
//! it there.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use tokio::time::timeout;

use super::{LINGER, Session, closing, let_others_go_first};
use crate::{hub::coordinator::Loss, protocol::close::CloseReason};

impl Session {
    /// Says that the server stops, and hears the peer's last words.
    pub(super) async fn take_leave(&mut self) {
        let is_said = closing::say_last(&self.reader, &self.hold.link, CloseReason::Shutdown, self.flush_timeout).await;
        if is_said {
            let _ = timeout(LINGER, poll_fn(|cx| self.poll_last_words(cx))).await;
        }
        while let Some(backlog) = self.backlog.take() {
            self.work_off(backlog);
        }
        self.hold.peer.lost(Loss::Shutdown);
    }

    /// Reads and routes until the peer ends.
    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.poll_incoming(cx)).is_some() {
            return Poll::Ready(());
        }
        let_others_go_first(cx);
        Poll::Pending
    }
}
