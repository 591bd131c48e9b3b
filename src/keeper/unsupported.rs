//! Systems without keepers: the port is opened, and closes with the server.

use std::{convert::Infallible, io, path::PathBuf, time::Duration};

use super::{HandOverError, Launch, Legacy, Opened, Wanted, Warn};

/// There can be none.
pub struct Keeper(Infallible);

impl Keeper {
    /// Tells the keeper to go.
    pub fn dismiss(&self) {
        match self.0 {}
    }

    /// Leaves a legacy with the keeper.
    ///
    /// # Errors
    /// See [`HandOverError`].
    pub fn hand_over(&self, _: &Legacy) -> Result<(), HandOverError> {
        match self.0 {}
    }

    /// Has nothing more held.
    pub fn end_holds(&self) {
        match self.0 {}
    }

    /// Has it close what it holds.
    pub fn release_holds(&self) {
        match self.0 {}
    }

    /// Waits until it is gone.
    pub fn wait_until_gone(&self) -> bool {
        match self.0 {}
    }
}

/// Opens the port, and warns that it is not kept.
///
/// # Errors
/// Those of `wanted.bind`.
pub fn open(wanted: &Wanted<'_>, _: Launch, warn: Warn) -> io::Result<Opened> {
    warn("The port is not kept open across restarts: that is possible on Linux and macOS only".into());
    Ok(Opened::without_keeper((wanted.bind)()?))
}

/// There is no keeper that could be run.
///
/// # Errors
/// Always.
pub fn serve_standard_input(_: PathBuf, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
