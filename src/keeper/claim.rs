//! A server's start with a kept port: takes the listening sockets over from a keeper that waits, else binds them and
//! has duplicates kept by a new one.

use std::{
    io::{self, Read},
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    thread,
    time::Duration,
};

use super::{
    Keeper, Launch, Wanted, Warn,
    attended::{Attended, GO_LIMIT},
    deposit::deposit,
    rendezvous::{Place, private_directory},
    words::{Word, receive, send},
};

/// How long a keeper may take to answer: it may be starting up on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// When the port is taken though no keeper waits: how long a keeper that is about to end may need for that.
const SETTLE: Duration = Duration::from_millis(50);

/// Opens a port, and has it kept. It stays open from the moment that this returns, though the keeper may still be
/// starting. Where there can be no keeper, the port is opened without, and `warn` is told why. Blocks for some seconds
/// at most.
///
/// # Errors
/// Those of `wanted.bind`; with [`io::ErrorKind::AddrInUse`] also when the port is kept for another server that lives.
pub fn open(wanted: &Wanted<'_>, launch: Launch, warn: Warn) -> io::Result<(Vec<TcpListener>, Option<Keeper>)> {
    match private_directory() {
        Ok(directory) => open_in(&directory, wanted, launch, warn),
        Err(error) => {
            warn(format!("The port cannot be kept open: {error}"));
            Ok(((wanted.bind)()?, None))
        }
    }
}

/// [`open`], with the socket files in a given directory.
pub fn open_in(
    directory: &Path,
    wanted: &Wanted<'_>,
    launch: Launch,
    warn: Warn,
) -> io::Result<(Vec<TcpListener>, Option<Keeper>)> {
    let place = Place::new(directory, wanted.host, wanted.port);
    let (listeners, attended) = match acquire(&place, wanted, &warn)? {
        Acquired::Claimed(listeners, stream) => (listeners, Ok(Attended::claimed(stream))),
        Acquired::Bound(listeners) => {
            let attended = deposit(&place, &listeners, &launch);
            (listeners, attended)
        }
    };
    let kept = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
    let keeper = Keeper::attend(attended, kept, place, launch, warn)?;
    Ok((listeners, Some(keeper)))
}

/// Where the sockets came from.
enum Acquired {
    /// From a keeper, with the connection to it.
    Claimed(Vec<TcpListener>, UnixStream),
    /// From the system.
    Bound(Vec<TcpListener>),
}

fn acquire(place: &Place, wanted: &Wanted<'_>, warn: &Warn) -> io::Result<Acquired> {
    match acquire_once(place, wanted, warn) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // A keeper for the same port, but for another host: the configuration may have changed.
            for neighbour in place.neighbours() {
                if let Ok(Claim::Given(stream, _)) = claim(&neighbour) {
                    dismiss(&stream);
                }
            }
            thread::sleep(SETTLE);
            acquire_once(place, wanted, warn)
        }
        other => other,
    }
}

fn acquire_once(place: &Place, wanted: &Wanted<'_>, warn: &Warn) -> io::Result<Acquired> {
    match claim(place) {
        Ok(Claim::Given(stream, listeners)) if fit(&listeners, wanted) => {
            return Ok(Acquired::Claimed(listeners, stream));
        }
        Ok(Claim::Given(stream, unfit)) => {
            drop(unfit);
            dismiss(&stream);
        }
        Ok(Claim::Nobody) => {}
        Ok(Claim::Busy) => {
            let message = "the address is in use: it is kept for another server, which is running";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
        }
        Err(error) => warn(format!("The port's keeper cannot be asked for the port: {error}")),
    }
    Ok(Acquired::Bound((wanted.bind)()?))
}

/// A keeper's answer.
enum Claim {
    /// There is none.
    Nobody,
    /// The sockets.
    Given(UnixStream, Vec<TcpListener>),
    /// Another server has them.
    Busy,
}

fn claim(place: &Place) -> io::Result<Claim> {
    let Some(stream) = place.connect()? else { return Ok(Claim::Nobody) };
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    match ask(&stream)? {
        Some((Word::Given, sockets)) => {
            let listeners = sockets.into_iter().map(TcpListener::from).collect();
            stream.set_read_timeout(None)?;
            Ok(Claim::Given(stream, listeners))
        }
        Some((Word::Busy, _)) => Ok(Claim::Busy),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it gave an answer to another question")),
        // It goes: its time is over, or it is of another version.
        None => Ok(Claim::Nobody),
    }
}

fn ask(stream: &UnixStream) -> io::Result<Option<(Word, Vec<OwnedFd>)>> {
    match send(stream, Word::Claim, &[]).and_then(|()| receive(stream)) {
        Ok(answer) => Ok(answer.map(|message| (message.word, message.attached))),
        Err(error) if is_its_end(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_its_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

fn fit(listeners: &[TcpListener], wanted: &Wanted<'_>) -> bool {
    let addresses: io::Result<Vec<_>> = listeners
        .iter()
        .map(|listener| {
            listener.set_nonblocking(true)?;
            listener.local_addr()
        })
        .collect();
    addresses.is_ok_and(|addresses| !addresses.is_empty() && (wanted.fits)(&addresses))
}

/// Sends a keeper away, and waits until it is gone.
fn dismiss(mut stream: &UnixStream) {
    let mut wait_for_its_end = || {
        stream.set_read_timeout(Some(GO_LIMIT))?;
        send(stream, Word::Go, &[])?;
        stream.read(&mut [0])
    };
    // If it stays, binding the port fails, and says so.
    let _ = wait_for_its_end();
}
