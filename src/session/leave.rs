//! How a session ends when the server does, or leaves its database to another hub: its peer is told, and still heard
//! until it has read that.
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
    /// Says why, and hears the peer's last words.
    pub(super) async fn take_leave(&mut self, why: CloseReason) {
        let (socket, link) = (&self.reading.socket, &self.hold.link);
        let is_said = closing::say_last(socket, link, why, self.flush_timeout).await;
        if is_said {
            let _ = timeout(LINGER, poll_fn(|cx| self.poll_last_words(cx))).await;
        }
        self.reading.route_the_rest(&self.hold);
        self.hold.peer.lost(Loss::Shutdown);
    }

    /// Reads and routes until the peer ends.
    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.reading.poll(cx, &self.hold)).is_some() {
            return Poll::Ready(());
        }
        let_others_go_first(cx);
        Poll::Pending
    }
}
