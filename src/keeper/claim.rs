//! A server's start with a kept port: takes the listening sockets over from a keeper that waits, with the legacy that
//! may be there, else binds them and has duplicates kept by a new one.

use std::{
    io::{self, Read},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::Duration,
};

use super::{
    Keeper, Launch, Opened, Wanted, Warn,
    attended::{Attended, GO_LIMIT},
    bequest::Taken,
    deposit::deposit,
    open_files,
    rendezvous::{Place, private_directory},
    words::{Message, REMAINS, Word, receive, send},
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
pub fn open(wanted: &Wanted<'_>, launch: Launch, warn: Warn) -> io::Result<Opened> {
    match private_directory() {
        Ok(directory) => open_in(&directory, wanted, launch, warn),
        Err(error) => {
            warn(format!("The port cannot be kept open: {error}"));
            Ok(Opened::without_keeper((wanted.bind)()?))
        }
    }
}

/// [`open`], with the socket files in a given directory.
pub fn open_in(directory: &Path, wanted: &Wanted<'_>, launch: Launch, warn: Warn) -> io::Result<Opened> {
    let place = Place::new(directory, wanted.host, wanted.port);
    let acquired = acquire(&place, wanted, &warn)?;
    let is_succession = matches!(acquired, Acquired::Claimed(_));
    let (listeners, attended, left) = match acquired {
        Acquired::Claimed(given) => (given.listeners, Ok(Attended::claimed(given.stream)), given.left),
        Acquired::Bound(listeners) => {
            let attended = deposit(&place, &listeners, &launch);
            (listeners, attended, None)
        }
    };
    let kept = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
    let keeper = Keeper::attend(attended, kept, place, launch, warn.clone())?;
    // Last: whatever fails before leaves the legacy with the keeper.
    let (mut legacy, mut remains) = (None, None);
    match left {
        None => {}
        Some(count) if count & REMAINS == 0 => legacy = taken_over(keeper.inherit(count), &warn),
        Some(count) => {
            remains = taken_over(keeper.find_remains(count & !REMAINS), &warn);
            if remains.is_none() {
                keeper.holds().forget_remains();
            }
        }
    }
    Ok(Opened { listeners, keeper: Some(keeper), is_succession, legacy, remains })
}

fn taken_over<T>(taken: io::Result<Taken<T>>, warn: &Warn) -> Option<T> {
    match taken {
        Ok(Taken { part, left_out: 0 }) => Some(part),
        Ok(Taken { part, left_out }) => {
            let limit = open_files::limit();
            warn(format!(
                "{left_out} connections of the former server cannot be taken over, and their clients connect anew: the \
                 limit of open files of this process ({limit}) is too low. Raise the hard limit of RLIMIT_NOFILE \
                 (ulimit -Hn) of whoever starts it"
            ));
            Some(part)
        }
        Err(error) => {
            warn(format!(
                "What the former server has left cannot be taken over, and its clients connect anew: {error}"
            ));
            None
        }
    }
}

/// Where the sockets came from.
enum Acquired {
    /// From a keeper.
    Claimed(Given),
    /// From the system.
    Bound(Vec<TcpListener>),
}

fn acquire(place: &Place, wanted: &Wanted<'_>, warn: &Warn) -> io::Result<Acquired> {
    match acquire_once(place, wanted, warn) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // A keeper for the same port, but for another host: the configuration may have changed.
            for neighbour in place.neighbours() {
                if let Ok(Claim::Given(given)) = claim(&neighbour) {
                    dismiss(given);
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
        Ok(Claim::Given(given)) if fit(&given.listeners, wanted) => return Ok(Acquired::Claimed(given)),
        Ok(Claim::Given(unfit)) => dismiss(unfit),
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
    Given(Given),
    /// Another server has them.
    Busy,
}

/// What a keeper gives.
struct Given {
    /// The connection to it.
    stream: UnixStream,
    listeners: Vec<TcpListener>,
    /// How many descriptors the legacy is made of, if there is one. They are still with the keeper.
    left: Option<u32>,
}

fn claim(place: &Place) -> io::Result<Claim> {
    let Some(stream) = place.connect()? else { return Ok(Claim::Nobody) };
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    match ask(&stream)? {
        Some(Message { word: Word::Given, number: left, attached, .. }) => {
            let listeners = attached.into_iter().map(TcpListener::from).collect();
            stream.set_read_timeout(None)?;
            Ok(Claim::Given(Given { stream, listeners, left }))
        }
        Some(Message { word: Word::Busy, .. }) => Ok(Claim::Busy),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it gave an answer to another question")),
        // It goes: its time is over, or it is of another version.
        None => Ok(Claim::Nobody),
    }
}

fn ask(stream: &UnixStream) -> io::Result<Option<Message>> {
    match send(stream, Word::Claim, &[]).and_then(|()| receive(stream)) {
        Err(error) if is_its_end(&error) => Ok(None),
        answer => answer,
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

/// Sends a keeper away, with the legacy that it has perhaps, and waits until it is gone.
fn dismiss(Given { stream, listeners, .. }: Given) {
    drop(listeners);
    let mut stream = &stream;
    let mut wait_for_its_end = || {
        stream.set_read_timeout(Some(GO_LIMIT))?;
        send(stream, Word::Go, &[])?;
        stream.read(&mut [0])
    };
    // If it stays, binding the port fails, and says so.
    let _ = wait_for_its_end();
}
