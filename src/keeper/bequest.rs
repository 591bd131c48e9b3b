//! A server's side of passing a legacy: entrusts its own to a keeper, or takes over what the former server has left
//! there. Knows nothing of the keeper's life, nor of what the legacy is for.

use std::{io, os::unix::net::UnixStream, path::Path, time::Instant};

use super::{
    HandOverError, Legacy,
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

/// Takes a legacy over that is made of `count` descriptors. The keeper has nothing of it when this returns, if all is
/// well or not; it has all as long as this has not returned.
pub fn inherit(main: &UnixStream, count: u32, until: Instant) -> io::Result<Legacy> {
    let inherited = fetch(main, count, until);
    forget(main);
    inherited
}

fn fetch(main: &UnixStream, count: u32, until: Instant) -> io::Result<Legacy> {
    let count = usize::try_from(count).ok().filter(|count| *count <= MAX_DESCRIPTORS);
    let count = count.ok_or(io::ErrorKind::InvalidData)?;
    put_together(Errand::ask(main, Word::Inherit, None, until)?.take(count)?)
}

/// What is said on the main connection is heard before its end: no later server can come before.
fn forget(main: &UnixStream) {
    // If that fails, the keeper is gone, and all with it.
    let _ = send(main, Word::Forget, &[]);
}
