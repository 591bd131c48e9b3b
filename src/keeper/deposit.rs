//! Starts a keeper and hands listening sockets over to it.

use std::{
    io,
    net::TcpListener,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    process::{Child, Command, Stdio},
};

use super::{
    Launch,
    attended::Attended,
    rendezvous::Place,
    words::{Word, send},
};

/// Leaves duplicates of the sockets with a new keeper. They are safe when this returns: they wait in the connection
/// that the keeper gets as its standard input.
pub fn deposit(place: &Place, listeners: &[TcpListener], launch: &Launch) -> io::Result<Attended> {
    let rendezvous = place.bind()?;
    let launched = hand_over(&rendezvous, listeners).and_then(|(ours, theirs)| {
        let launcher = spawn(launch, theirs, place)?;
        Ok(Attended::launched(ours, launcher))
    });
    if launched.is_err() {
        place.remove();
    }
    launched
}

/// Puts duplicates of the sockets into a new connection: our end of it, and the keeper's.
pub fn hand_over(rendezvous: &UnixListener, listeners: &[TcpListener]) -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut sockets = vec![rendezvous.as_fd()];
    sockets.extend(listeners.iter().map(AsFd::as_fd));
    send(&ours, Word::Take, &sockets)?;
    Ok((ours, theirs))
}

fn spawn(launch: &Launch, connection: UnixStream, place: &Place) -> io::Result<Child> {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.args)
        .arg(place.path())
        .env_clear()
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(OwnedFd::from(connection))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("{} cannot be started: {error}", launch.program.display()))
    })
}
