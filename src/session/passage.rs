//! Whose a connection is, where whoever is at its other end says so: a proxy, or another hub that passes its client on.
//!
//! How such a connection ends says little of the client: a hub that is killed leaves behind what a dying process does.
//! So the other hub reports how its client has ended, before it ends the connection; where it has not, all that is
//! known is that the client cannot be reached.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::hub::coordinator::Loss;

/// Whose a connection is.
#[derive(Clone, Default)]
pub enum Whose {
    /// Whoever is at its other end.
    #[default]
    Peer,
    /// Proxies have told it.
    Told(SocketAddr),
    /// Another hub passes it on.
    Passed(Arc<Passage>),
}

/// Whose a connection is, as far as it will ever be known.
pub enum Client {
    /// Whose address that is.
    At(Option<SocketAddr>),
    /// Another hub's.
    Passed(Arc<Passage>),
}

impl Whose {
    /// Whose it is for good. `peer`: who is at its other end.
    pub fn settle(self, peer: impl FnOnce() -> Option<SocketAddr>) -> Client {
        match self {
            Self::Peer => Client::At(peer().map(canonical)),
            Self::Told(remote) => Client::At(Some(canonical(remote))),
            Self::Passed(passage) => Client::Passed(passage),
        }
    }
}

impl Client {
    /// Its address.
    pub fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::At(remote) => *remote,
            Self::Passed(passage) => Some(passage.client()),
        }
    }

    /// Its passage, where another hub passes it on.
    pub fn passage(&self) -> Option<&Passage> {
        match self {
            Self::At(_) => None,
            Self::Passed(passage) => Some(passage),
        }
    }
}

/// An IPv4 address as such.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A connection that another hub passes on.
pub struct Passage {
    number: u64,
    via: Arc<str>,
    client: SocketAddr,
    reported: OnceLock<Loss>,
    all: Weak<Table>,
}

/// What another process must know of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenPassage {
    number: u64,
    via: String,
    client: SocketAddr,
}

/// All that are open, by their numbers: as many as there are connections, which are bounded.
#[derive(Default)]
pub struct Passages(Arc<Table>);

#[derive(Default)]
struct Table {
    last: AtomicU64,
    open: Mutex<HashMap<u64, Weak<Passage>>>,
}

impl Passages {
    /// The hub of this name passes on what this client says.
    pub fn begin(&self, via: &str, client: SocketAddr) -> Arc<Passage> {
        self.open(self.0.last.fetch_add(1, Ordering::Relaxed) + 1, via, client)
    }

    /// Goes on with one of the process before this one.
    pub fn go_on(&self, passage: &FrozenPassage) -> Arc<Passage> {
        self.0.last.fetch_max(passage.number, Ordering::Relaxed);
        self.open(passage.number, &passage.via, passage.client)
    }

    fn open(&self, number: u64, via: &str, client: SocketAddr) -> Arc<Passage> {
        let all = Arc::downgrade(&self.0);
        let passage =
            Arc::new(Passage { number, via: via.into(), client: canonical(client), reported: OnceLock::new(), all });
        self.0.open.lock().insert(number, Arc::downgrade(&passage));
        passage
    }

    /// The hub of this name says how its client has ended. `false`: it passes no such client on.
    pub fn report(&self, number: u64, via: &str, loss: Loss) -> bool {
        let passage = self.0.open.lock().get(&number).and_then(Weak::upgrade).filter(|passage| &*passage.via == via);
        passage.is_some_and(|passage| passage.reported.set(loss).is_ok())
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.0.open.lock().len()
    }
}

impl Passage {
    /// What the other hub calls it.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The other hub's name.
    pub fn via(&self) -> &Arc<str> {
        &self.via
    }

    /// The address of the client.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// For another process.
    pub fn freeze(&self) -> FrozenPassage {
        FrozenPassage { number: self.number, via: self.via.to_string(), client: self.client }
    }

    /// How the client has ended, as far as is known when the connection has ended like this.
    pub fn loss(&self, seen: Loss) -> Loss {
        match seen {
            Loss::Fin | Loss::Reset => self.reported.get().copied().unwrap_or(Loss::Unreachable),
            other => other,
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(all) = self.all.upgrade() {
            all.open.lock().remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> SocketAddr {
        ([10, 0, 0, 1], 4711).into()
    }

    #[test]
    fn a_client_counts_as_dead_only_where_its_hub_has_said_so() {
        let passages = Passages::default();
        let (first, second) = (passages.begin("a", client()), passages.begin("a", client()));
        assert!(passages.report(first.number(), "a", Loss::Fin));
        for seen in [Loss::Fin, Loss::Reset] {
            assert_eq!((first.loss(seen), second.loss(seen)), (Loss::Fin, Loss::Unreachable));
        }
        for seen in [Loss::Closed, Loss::Kicked, Loss::Slow] {
            assert_eq!(first.loss(seen), seen);
        }
    }

    #[test]
    fn a_hub_reports_only_its_own_clients_and_once() {
        let passages = Passages::default();
        let passage = passages.begin("a", client());
        assert!(!passages.report(passage.number(), "b", Loss::Fin));
        assert!(!passages.report(passage.number() + 1, "a", Loss::Fin));
        assert!(passages.report(passage.number(), "a", Loss::Reset));
        assert!(!passages.report(passage.number(), "a", Loss::Fin));
    }

    #[test]
    fn the_next_process_goes_on_with_the_same_numbers() {
        let (former, next) = (Passages::default(), Passages::default());
        former.begin("a", client());
        let passage = next.go_on(&former.begin("a", client()).freeze());
        assert_eq!((&**passage.via(), passage.client()), ("a", client()));
        assert!(next.report(2, "a", Loss::Fin));
        assert_eq!(passage.loss(Loss::Reset), Loss::Fin);
        assert_eq!(next.begin("a", client()).number(), 3);
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let passages = Passages::default();
        let passage = passages.begin("a", client());
        assert_eq!(passages.count(), 1);
        drop(passage);
        assert_eq!(passages.count(), 0);
    }
}
