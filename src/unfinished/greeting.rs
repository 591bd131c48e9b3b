//! How much a stranger may send before it is known that it speaks TLS at all. A message of the handshake is kept until
//! it is whole, so long ones are counted.

use std::{io, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;

use super::{Full, Unfinished};

/// The longest ClientHello, in bytes: some 500 are usual, 2,000 with post-quantum keys.
const MAX_HELLO: usize = 16 * 1024;

/// Bytes of a handshake that are not counted: most clients send no more, and the connection itself takes as much.
const UNCOUNTED: usize = 4 * 1024;

/// What a handshake that is longer claims, in bytes: the longest message that rustls keeps.
const MOST_KEPT: usize = 64 * 1024;

/// One connection's handshake. It ends when this is dropped.
#[derive(Debug)]
pub struct Greeting {
    unfinished: Arc<Unfinished>,
    read: usize,
    claim: Option<OwnedSemaphorePermit>,
}

impl Greeting {
    /// Nothing has been said yet.
    pub fn new(unfinished: Arc<Unfinished>) -> Self {
        Self { unfinished, read: 0, claim: None }
    }

    /// So many more bytes have been read. `is_answered`: the ClientHello was whole, and something was said back.
    ///
    /// # Errors
    /// The connection must be given up: this is no handshake, or there is no room for another long one.
    pub fn heard(&mut self, bytes: usize, is_answered: bool) -> io::Result<()> {
        self.read += bytes;
        if !is_answered && self.read > MAX_HELLO {
            return Err(io::Error::other("the ClientHello is longer than any client's"));
        }
        if self.read > UNCOUNTED && self.claim.is_none() {
            let claim = self.unfinished.greetings.try_claim(MOST_KEPT);
            self.claim = Some(claim.ok_or(Full).map_err(|full| {
                (self.unfinished.tell)(full);
                io::Error::other(full)
            })?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for two long handshakes.
    fn unfinished() -> Arc<Unfinished> {
        Arc::new(Unfinished::new(2 * 16 * MOST_KEPT, |_| {}))
    }

    #[test]
    fn a_hello_without_end_is_cut_off() {
        let mut greeting = Greeting::new(unfinished());
        assert!(greeting.heard(MAX_HELLO, false).is_ok());
        assert!(greeting.heard(1, false).is_err());
    }

    #[test]
    fn after_its_hello_a_client_may_send_certificates() {
        let mut greeting = Greeting::new(unfinished());
        assert!(greeting.heard(500, false).is_ok());
        assert!(greeting.heard(3 * MAX_HELLO, true).is_ok());
    }

    #[test]
    fn long_ones_share_a_bound_and_short_ones_need_none() {
        let unfinished = unfinished();
        let mut long: Vec<_> = (0..3).map(|_| Greeting::new(unfinished.clone())).collect();
        let heard: Vec<_> = long.iter_mut().map(|greeting| greeting.heard(UNCOUNTED + 1, false).is_ok()).collect();
        assert_eq!(heard, [true, true, false]);
        assert!(Greeting::new(unfinished.clone()).heard(UNCOUNTED, false).is_ok());
        drop(long);
        assert!(Greeting::new(unfinished).heard(UNCOUNTED + 1, false).is_ok());
    }
}
