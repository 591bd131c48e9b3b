//! A keeper's side of holding what a living server has given it: descriptors by number, dropped at the server's word,
//! and passed on to the next server should this one die. What they are is nothing to the keeper.

use std::{collections::BTreeMap, os::fd::OwnedFd};

use super::{descriptors::MAX_DESCRIPTORS, words::Message};

/// Descriptors that a living server has given.
#[derive(Default)]
pub struct Held(BTreeMap<u32, OwnedFd>);

impl Held {
    /// The server says `Hold`. Where there is no room, it is not held.
    pub fn hold(&mut self, mut message: Message) {
        if let (Some(number), Some(descriptor)) = (message.number, message.attached.pop())
            && self.0.len() < MAX_DESCRIPTORS
        {
            self.0.insert(number, descriptor);
        }
    }

    /// The server says `Release`: this one, or all.
    pub fn release(&mut self, number: Option<u32>) {
        match number {
            Some(number) => drop(self.0.remove(&number)),
            None => self.0.clear(),
        }
    }

    /// Takes all out, files before sockets.
    pub fn take(&mut self) -> Vec<OwnedFd> {
        let mut all: Vec<_> = std::mem::take(&mut self.0).into_values().collect();
        all.sort_by_key(|descriptor| !is_file(descriptor));
        all
    }
}

/// It is a file, of whatever system, and no socket.
pub fn is_file(descriptor: &OwnedFd) -> bool {
    rustix::fs::fstat(descriptor).is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file())
}
