//! The form in which a legacy is passed on: open descriptors, the first of which is a file with the state. Knows
//! nothing of how they travel.

use std::{
    fs::File,
    io,
    net::TcpStream,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::Instant,
};

use super::{HandOverError, Legacy, state_file};

/// Connections of a legacy at most: what a server with 16 bits of ports on one address could have of one client host.
/// Above all it bounds what a keeper believes of whoever speaks to it.
pub const MAX_CONNECTIONS: usize = 65_536;

/// Descriptors of a legacy at most: the connections, and the state.
pub const MAX_DESCRIPTORS: usize = MAX_CONNECTIONS + 1;

/// Writes the state's file.
///
/// # Errors
/// The legacy is too large; the file cannot be written, or not until then.
pub fn write_state(legacy: &Legacy, directory: &Path, until: Instant) -> Result<File, HandOverError> {
    if legacy.connections.len() > MAX_CONNECTIONS {
        return Err(HandOverError::TooManyConnections { count: legacy.connections.len(), most: MAX_CONNECTIONS });
    }
    if legacy.state.len() > state_file::MAX_STATE {
        return Err(HandOverError::TooMuchState { bytes: legacy.state.len(), most: state_file::MAX_STATE });
    }
    state_file::write(&legacy.state, directory, until).map_err(HandOverError::State)
}

/// The descriptors that a legacy is made of.
pub fn take_apart<'a>(state: &'a File, legacy: &'a Legacy) -> Vec<BorrowedFd<'a>> {
    let connections = legacy.connections.iter().map(AsFd::as_fd);
    [state.as_fd()].into_iter().chain(connections).collect()
}

/// The legacy that is made of descriptors.
///
/// # Errors
/// The state cannot be read.
pub fn put_together(descriptors: Vec<OwnedFd>) -> io::Result<Legacy> {
    let mut descriptors = descriptors.into_iter();
    let state = descriptors.next().ok_or(io::ErrorKind::InvalidData)?;
    Ok(Legacy { state: state_file::read(&File::from(state))?, connections: descriptors.map(TcpStream::from).collect() })
}
