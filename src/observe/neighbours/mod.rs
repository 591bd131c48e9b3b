//! Which process of this machine is at the other end of a loopback connection, so that a client with a random id can be
//! found in `ps`, and in pm2's list. Linux tells; elsewhere nobody is known.
//!
//! Looking through all processes' files takes milliseconds: it is done on a thread of its own, when there is somebody
//! new, and what was found is kept for as long as the connection is there.

#[cfg(target_os = "linux")]
mod proc;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::acebase::Process;

/// Addresses that are remembered at most.
const MAX_KNOWN: usize = 4_096;

/// The least time between two looks at once: strangers cause them.
const IDENTIFY_EVERY: Duration = Duration::from_millis(250);

/// How often one that was not found is looked for: its process may have been about to start another.
const MAX_TRIES: u8 = 3;

/// What is known of an address.
#[derive(Debug, Clone)]
enum Known {
    Process(Process),
    /// Not found, after so many tries.
    Nobody(u8),
}

/// The processes at the other end of loopback connections.
#[derive(Debug, Default)]
pub struct Neighbours {
    known: Mutex<HashMap<SocketAddr, Known>>,
    /// Those that were found lately, until somebody takes them; no more than are known.
    found: Mutex<HashMap<SocketAddr, Process>>,
    is_looking: AtomicBool,
    /// When one was looked for at once last.
    identified: Mutex<Option<Instant>>,
}

impl Neighbours {
    /// The process behind an address, as far as it was found.
    pub fn at(&self, address: SocketAddr) -> Option<Process> {
        match self.known.lock().get(&address) {
            Some(Known::Process(process)) => Some(process.clone()),
            Some(Known::Nobody(_)) | None => None,
        }
    }

    /// Those that were found since this was asked last.
    pub fn take_found(&self) -> HashMap<SocketAddr, Process> {
        std::mem::take(&mut *self.found.lock())
    }

    /// These are connected; others are forgotten. Looks for those who are not known yet, on a thread of its own, and
    /// returns at once.
    pub fn look_for(self: &Arc<Self>, connected: impl Iterator<Item = SocketAddr>) {
        let connected: HashSet<_> =
            connected.filter(|address| address.ip().is_loopback() && address.port() > 0).collect();
        let unknown = self.keep(&connected);
        if unknown.is_empty() || self.is_looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.clone();
        let look = std::thread::Builder::new().name("acebase-ipc-look".into());
        if look.spawn(move || this.look(&unknown)).is_err() {
            self.is_looking.store(false, Ordering::Release);
        }
    }

    /// Looks for one now. Returns when it is found or not, or at once where somebody is looking already.
    pub async fn identify(self: &Arc<Self>, address: SocketAddr) {
        if !address.ip().is_loopback() || address.port() == 0 || self.is_looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let is_soon =
            self.identified.lock().replace(Instant::now()).is_some_and(|last| last.elapsed() < IDENTIFY_EVERY);
        if is_soon {
            self.is_looking.store(false, Ordering::Release);
            return;
        }
        let this = self.clone();
        // A failure is that of a thread, and leaves somebody unknown.
        let _ = tokio::task::spawn_blocking(move || this.look(&HashSet::from([address]))).await;
    }

    /// Looks for these. Others may look afterwards: whoever waits for this may be gone when it is done.
    fn look(&self, wanted: &HashSet<SocketAddr>) {
        self.take_in(wanted, find(wanted));
        self.is_looking.store(false, Ordering::Release);
    }

    /// Forgets all others; gives those who are worth a look.
    fn keep(&self, connected: &HashSet<SocketAddr>) -> HashSet<SocketAddr> {
        let mut known = self.known.lock();
        known.retain(|address, _| connected.contains(address));
        let room = MAX_KNOWN - known.len().min(MAX_KNOWN);
        let retried = known.iter().filter(|(_, known)| matches!(known, Known::Nobody(tries) if *tries < MAX_TRIES));
        let retried: Vec<_> = retried.map(|(address, _)| *address).collect();
        let new = connected.iter().filter(|address| !known.contains_key(address)).copied().take(room);
        new.chain(retried).collect()
    }

    fn take_in(&self, wanted: &HashSet<SocketAddr>, mut found: HashMap<SocketAddr, Process>) {
        if self.found.lock().len() < MAX_KNOWN {
            self.found.lock().extend(found.clone());
        }
        let mut known = self.known.lock();
        for address in wanted {
            let tries = match known.get(address) {
                Some(Known::Nobody(tries)) => *tries,
                Some(Known::Process(_)) | None => 0,
            };
            let what = found.remove(address).map_or(Known::Nobody(tries + 1), Known::Process);
            known.insert(*address, what);
        }
    }
}

#[cfg(target_os = "linux")]
use proc::find;

/// Not known on this platform.
#[cfg(not(target_os = "linux"))]
fn find(_: &HashSet<SocketAddr>) -> HashMap<SocketAddr, Process> {
    HashMap::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_process_behind_a_loopback_connection_is_found_and_forgotten_with_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let address = client.local_addr().unwrap();
        let neighbours = Arc::new(Neighbours::default());
        let begun = Instant::now();
        while neighbours.at(address).is_none() && begun.elapsed() < Duration::from_secs(5) {
            neighbours.look_for([address].into_iter());
            std::thread::sleep(Duration::from_millis(10));
        }
        let process = neighbours.at(address).unwrap();
        assert_eq!(process.pid, std::process::id());
        assert!(!process.command.is_empty());
        neighbours.look_for(std::iter::empty());
        assert_eq!(neighbours.at(address), None);
    }

    #[test]
    fn nobody_is_looked_for_again_and_again() {
        let neighbours = Neighbours::default();
        let nobody: HashSet<SocketAddr> = [([127, 0, 0, 1], 1).into()].into();
        for _ in 0..MAX_TRIES {
            let unknown = neighbours.keep(&nobody);
            assert_eq!(unknown.len(), 1);
            neighbours.take_in(&unknown, HashMap::new());
        }
        assert!(neighbours.keep(&nobody).is_empty());
    }
}
