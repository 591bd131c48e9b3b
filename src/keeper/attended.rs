//! A server's connection to its keeper, from the server's side: whether there is one still, and how it has ended. Knows
//! nothing of sockets that are kept.

use std::{io, os::unix::net::UnixStream, process::Child, time::Duration};

use super::{last_words::read_cause, words::receive};

/// How long a keeper may take to close its sockets and go.
pub const GO_LIMIT: Duration = Duration::from_secs(2);

/// A connection to a keeper.
pub struct Attended {
    stream: UnixStream,
    /// What has started it.
    launcher: Option<Child>,
}

impl Attended {
    /// To one that a former server has started.
    pub fn claimed(stream: UnixStream) -> Self {
        Self { stream, launcher: None }
    }

    /// To one that is being started.
    pub fn launched(stream: UnixStream, launcher: Child) -> Self {
        Self { stream, launcher: Some(launcher) }
    }

    /// The connection once more, to speak on. A keeper that stands still does not hold up who speaks.
    pub fn stream_to_speak(&self) -> io::Result<UnixStream> {
        let stream = self.stream.try_clone()?;
        stream.set_write_timeout(Some(GO_LIMIT))?;
        Ok(stream)
    }

    /// Waits until the keeper is gone, and says what is known of how.
    pub fn outlive(mut self) -> String {
        let stderr = self.launcher.as_mut().and_then(|launcher| launcher.stderr.take());
        let how = self.await_launcher().unwrap_or_else(|| self.await_end());
        match stderr.and_then(read_cause) {
            Some(cause) => format!("{how}: {cause}"),
            None => how,
        }
    }

    /// `None`: the launcher has done its work, or there was none.
    fn await_launcher(&mut self) -> Option<String> {
        match self.launcher.as_mut()?.wait() {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("cannot be started: its launcher has failed ({status})")),
            Err(error) => Some(format!("cannot be started: {error}")),
        }
    }

    fn await_end(&self) -> String {
        loop {
            match receive(&self.stream) {
                // There is nothing that a keeper would say by itself.
                Ok(Some(_)) => {}
                // It may go before it has read what was sent to it.
                Ok(None) => return "has ended".into(),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return "has ended".into(),
                Err(error) => return format!("has ended: {error}"),
            }
        }
    }
}
