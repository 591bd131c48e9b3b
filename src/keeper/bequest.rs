//! A server's side of passing a legacy: entrusts its own to a keeper, or takes over what the former server has left
//! there. Knows nothing of the keeper's life, nor of what the legacy is for.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    time::Instant,
};

use super::{
    HandOverError, Legacy, Remains,
    descriptors::{MAX_DESCRIPTORS, put_together, take_apart, write_state},
    errand::{Broken, Errand},
    words::{Word, send},
};

/// Leaves a legacy with the keeper at the other end of `main`. It has all when this returns without an error, and
/// nothing else. `directory`: for a temporary file, where one is needed.
pub fn entrust(main: &UnixStream, legacy: &Legacy, directory: &Path, until: Instant) -> Result<(), HandOverError> {
    let state = write_state(legacy, directory, until)?;
    let descriptors = take_apart(&state, legacy);
    // A legacy with more has been refused.
    let count = u32::try_from(descriptors.len()).ok();
    let passed = Errand::ask(main, Word::Entrust, count, until).map_err(Broken::from).and_then(|errand| {
        errand.await_go_ahead()?;
        errand.pass(&descriptors)
    });
    passed.map_err(|broken| {
        // It may have all, though we do not know: this server goes on, and then nobody else may use it.
        forget(main);
        match broken {
            Broken::Full { limit } => HandOverError::OpenFiles { limit, connections: legacy.connections.len() },
            Broken::Lost(error) => HandOverError::Broken(error),
        }
    })
}

/// What was taken over.
#[derive(Debug)]
pub struct Taken<T> {
    /// As much of it as there was room for.
    pub part: T,
    /// Descriptors that there was no room for.
    pub left_out: usize,
}

/// Takes a legacy over that is made of `count` descriptors, or the beginning of it, where there is no room for more.
/// The keeper has nothing of it when this returns, if all is well or not; it has all as long as this has not returned.
pub fn inherit(main: &UnixStream, count: u32, room: usize, until: Instant) -> io::Result<Taken<Legacy>> {
    let inherited = fetch(main, count, room, until).and_then(|taken| taken.try_map(put_together));
    forget(main);
    inherited
}

/// Takes over what is made of `count` descriptors and remains of a server, or some of it, where there is no room for
/// more. The keeper has it still.
pub fn find(main: &UnixStream, count: u32, room: usize, until: Instant) -> io::Result<Taken<Remains>> {
    fetch(main, count, room, until)?.try_map(|descriptors| Ok(Remains::of(descriptors)))
}

impl<T> Taken<T> {
    fn try_map<U>(self, make: impl FnOnce(T) -> io::Result<U>) -> io::Result<Taken<U>> {
        Ok(Taken { part: make(self.part)?, left_out: self.left_out })
    }
}

fn fetch(main: &UnixStream, count: u32, room: usize, until: Instant) -> io::Result<Taken<Vec<OwnedFd>>> {
    let count = usize::try_from(count).ok().filter(|count| *count <= MAX_DESCRIPTORS);
    let count = count.ok_or(io::ErrorKind::InvalidData)?;
    // The first one is needed in any case: the connections mean nothing without it.
    let part = Errand::ask(main, Word::Inherit, None, until)?.take_first(count, room.max(1))?;
    Ok(Taken { left_out: count.saturating_sub(part.len()), part })
}

/// What is said on the main connection is heard before its end: no later server can come before.
fn forget(main: &UnixStream) {
    // If that fails, the keeper is gone, and all with it.
    let _ = send(main, Word::Forget, &[]);
}
