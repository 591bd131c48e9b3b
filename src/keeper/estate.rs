//! A keeper's side of passing a legacy: takes one from the server that leaves, holds it, and passes it on. What it is
//! made of is nothing to the keeper. A legacy is held whole or not at all.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use super::{
    descriptors::MAX_DESCRIPTORS,
    errand::{ERRAND_LIMIT, Errand},
    held::Held,
    open_files,
    words::{Message, REMAINS, is_lack_of_files},
};

/// How long a server may be silent in the middle of an errand: it has nothing else to do. The keeper hears nobody else
/// meanwhile, and who claims the port waits for an answer five seconds at most.
const SILENCE: Duration = Duration::from_secs(3);

/// How often a legacy, or what remains, is passed on to servers of which none comes to say that it has it.
const MAX_PASSES: u32 = 5;

/// How a server has left it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In order.
    Legacy,
    /// It was killed.
    Remains,
}

/// A legacy that is complete; or what remains of a server.
pub struct Estate {
    kind: Kind,
    descriptors: Vec<OwnedFd>,
    /// How often it was passed on.
    passed: u32,
    /// When it is too old to be of use.
    until: Instant,
}

impl Estate {
    /// Takes a legacy from a server that says `Entrust`. `None`: something is amiss, and what came is closed;
    /// the server learns of it by the end of the errand's connection at least. `patience`: how long it is kept.
    pub fn take(message: Message, patience: Duration) -> Option<Self> {
        let count = usize::try_from(message.number?).ok().filter(|count| (1..=MAX_DESCRIPTORS).contains(count))?;
        let descriptors = take_within_limit(&errand(message)?, count).ok()?;
        Some(Self { kind: Kind::Legacy, descriptors, passed: 0, until: Instant::now() + patience })
    }

    /// What remains of a server that was killed. `None`: nothing.
    pub fn remains(held: &mut Held, patience: Duration) -> Option<Self> {
        let descriptors = held.take();
        let until = Instant::now() + patience;
        (!descriptors.is_empty()).then_some(Self { kind: Kind::Remains, descriptors, passed: 0, until })
    }

    /// Passes the legacy on to a server that says `Inherit`, and holds it still: until the server says that it
    /// has it (`Forget`), it may die and another may come.
    pub fn pass_on(&mut self, message: Message) {
        self.passed += 1;
        let descriptors: Vec<_> = self.descriptors.iter().map(AsFd::as_fd).collect();
        if let Some(errand) = errand(message) {
            // If that fails, the server sees it.
            let _ = errand.pass(&descriptors);
        }
    }

    /// It has been passed on so often, and nobody has come to say that it has it, that it may be what ends them.
    pub fn is_accursed(&self) -> bool {
        self.passed >= MAX_PASSES
    }

    /// How many descriptors it is made of, as the next server is told.
    pub fn count(&self) -> u32 {
        // There is a bound for them, far below.
        let count = u32::try_from(self.descriptors.len()).unwrap_or_default();
        match self.kind {
            Kind::Legacy => count,
            Kind::Remains => count | REMAINS,
        }
    }

    /// When it is too old to be of use.
    pub fn until(&self) -> Instant {
        self.until
    }
}

fn errand(mut message: Message) -> Option<Errand> {
    let stream = UnixStream::from(message.attached.pop()?);
    Some(Errand::new(stream, SILENCE, Instant::now() + ERRAND_LIMIT))
}

fn take_within_limit(errand: &Errand, count: usize) -> io::Result<Vec<OwnedFd>> {
    if let Some(limit) = open_files::limit_that_is_too_low_for(count) {
        errand.refuse(limit)?;
        return Err(io::ErrorKind::QuotaExceeded.into());
    }
    errand.go_ahead()?;
    let taken = errand.take(count);
    if taken.as_ref().is_err_and(is_lack_of_files) {
        // More were open already than was thought.
        errand.refuse(open_files::limit())?;
    }
    taken
}
