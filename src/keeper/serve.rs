//! The keeper's own work, in a process that does nothing else: one thread, which blocks.

use std::{
    io,
    net::TcpListener,
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    estate::Estate,
    held::Held,
    open_files,
    rendezvous::{Place, SocketFile, belongs_to_us},
    words::{Message, VERSION, Word, is_lack_of_files, receive, send, send_number},
};

/// How long a server that has connected may take to say what it wants, or to end what it has begun to say: it does
/// so at once.
const CLAIM_LIMIT: Duration = Duration::from_secs(1);

/// Pause when no connection can be accepted: a wait for the socket would be over at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Runs a keeper whose standard input is the connection to the server that has started it. `path`: its socket file.
/// Blocks until the keeper's work is over; the sockets are closed then. The connection itself is open until the process
/// ends, so that the server sees its end.
///
/// # Errors
/// There is no such connection, or nothing came over it.
pub fn serve_standard_input(path: PathBuf, patience: Duration) -> io::Result<()> {
    open_files::raise_limit();
    let connection = io::stdin().as_fd().try_clone_to_owned()?;
    serve(UnixStream::from(connection), path.into(), patience)
}

/// Runs a keeper.
pub fn serve(connection: UnixStream, place: Place, patience: Duration) -> io::Result<()> {
    let message = receive(&connection)?.filter(|message| message.word == Word::Take);
    let mut sockets = message.ok_or(io::ErrorKind::InvalidInput)?.attached.into_iter();
    let rendezvous = UnixListener::from(sockets.next().ok_or(io::ErrorKind::InvalidInput)?);
    rendezvous.set_nonblocking(true)?;
    connection.set_read_timeout(Some(CLAIM_LIMIT))?;
    let listeners = sockets.map(TcpListener::from).collect();
    let (file, ward) = (place.file(), Ward::Attended(connection));
    let mut keeper =
        Serving { place, file, patience, rendezvous, listeners, estate: None, held: Held::default(), ward };
    while keeper.step()? == Next::Stay {}
    keeper.close();
    Ok(())
}

/// A keeper at work.
struct Serving {
    place: Place,
    /// Its own socket file. A keeper that has taken this one's place has another.
    file: Option<SocketFile>,
    patience: Duration,
    rendezvous: UnixListener,
    listeners: Vec<TcpListener>,
    /// What a server has left for the next one.
    estate: Option<Estate>,
    /// What the server that lives has given.
    held: Held,
    ward: Ward,
}

/// Whom the sockets are kept for.
enum Ward {
    /// A server that lives.
    Attended(UnixStream),
    /// The next one, if it comes by then.
    Awaited(Instant),
}

/// Whether the keeper is still needed.
#[derive(PartialEq, Eq)]
enum Next {
    Stay,
    Go,
}

/// What has happened.
struct Happened {
    ward: bool,
    rendezvous: bool,
}

impl Serving {
    fn step(&mut self) -> io::Result<Next> {
        let happened = self.wait()?;
        // In this order: a server that comes after the former one's end must find the keeper free.
        if happened.ward && self.hear_ward() == Next::Go {
            return Ok(Next::Go);
        }
        if happened.rendezvous && self.meet() == Next::Go {
            return Ok(Next::Go);
        }
        // Whoever has come and does not ask for it does not know of it, or stands still.
        self.estate.take_if(|estate| estate.until() <= Instant::now());
        Ok(match self.ward {
            Ward::Awaited(until) if until <= Instant::now() => Next::Go,
            _ => Next::Stay,
        })
    }

    fn wait(&self) -> io::Result<Happened> {
        let mut sockets = vec![PollFd::new(&self.rendezvous, PollFlags::IN)];
        let end_of_wait = match &self.ward {
            Ward::Attended(stream) => {
                sockets.push(PollFd::new(stream, PollFlags::IN));
                None
            }
            Ward::Awaited(until) => Some(*until),
        };
        let next = end_of_wait.into_iter().chain(self.estate.as_ref().map(Estate::until)).min();
        let limit = next.map(|next| next.saturating_duration_since(Instant::now()));
        wait_for(&mut sockets, limit)?;
        let has_happened = |index: usize| sockets.get(index).is_some_and(|socket| !socket.revents().is_empty());
        Ok(Happened { rendezvous: has_happened(0), ward: has_happened(1) })
    }

    /// The server has said something, or is gone.
    fn hear_ward(&mut self) -> Next {
        let Ward::Attended(stream) = &self.ward else { return Next::Stay };
        match receive(stream) {
            Ok(Some(message)) => return self.heed(message),
            // What came could not be held.
            Err(error) if is_lack_of_files(&error) => {}
            Ok(None) | Err(_) => self.ward_is_gone(),
        }
        Next::Stay
    }

    /// The server has left, or was killed.
    fn ward_is_gone(&mut self) {
        self.ward = Ward::Awaited(Instant::now() + self.patience);
        let remains = Estate::remains(&mut self.held, self.patience);
        // What was left before is better: nobody has said that it was taken over.
        self.estate = self.estate.take().filter(|estate| !estate.is_accursed()).or(remains);
    }

    /// Does what the server wants.
    fn heed(&mut self, message: Message) -> Next {
        match message.word {
            Word::Go => return Next::Go,
            Word::Entrust => {
                // There is room for one, and what is held is a part of it.
                self.estate = None;
                self.held.release(None);
                self.estate = Estate::take(message, self.patience);
            }
            Word::Inherit => {
                if let Some(estate) = &mut self.estate {
                    estate.pass_on(message);
                }
            }
            Word::Forget => self.estate = None,
            Word::Hold => self.held.hold(message),
            Word::Release => self.held.release(message.number),
            _ => {}
        }
        Next::Stay
    }

    /// Somebody has come to the rendezvous.
    fn meet(&mut self) -> Next {
        match self.rendezvous.accept() {
            Ok((stream, _)) => self.answer(stream).unwrap_or(Next::Stay),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Next::Stay,
            Err(_) => {
                thread::sleep(ACCEPT_PAUSE);
                Next::Stay
            }
        }
    }

    fn answer(&mut self, stream: UnixStream) -> io::Result<Next> {
        // Some systems hand the listener's own mode on.
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(CLAIM_LIMIT))?;
        if !belongs_to_us(&stream)? {
            return Ok(Next::Stay);
        }
        let Some(message) = receive(&stream)? else { return Ok(Next::Stay) };
        if matches!(self.ward, Ward::Attended(_)) {
            send(&stream, Word::Busy, &[])?;
            return Ok(Next::Stay);
        }
        if message.version != VERSION || message.word == Word::Go {
            // A server of another version has its own keeper, and binds the port when this one is gone.
            return Ok(Next::Go);
        }
        self.give(stream)?;
        Ok(Next::Stay)
    }

    fn give(&mut self, stream: UnixStream) -> io::Result<()> {
        let sockets: Vec<_> = self.listeners.iter().map(AsFd::as_fd).collect();
        send_number(&stream, Word::Given, self.estate.as_ref().map(Estate::count), &sockets)?;
        self.ward = Ward::Attended(stream);
        Ok(())
    }

    /// The socket file goes first: the next server may bind the port, and make its own file, once the listeners are
    /// closed. Connections end last: who waits for that finds the port free.
    fn close(self) {
        self.place.remove_own(self.file);
        drop(self.estate);
        drop(self.held);
        drop(self.listeners);
        drop(self.rendezvous);
        drop(self.ward);
    }
}

fn wait_for(sockets: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    let limit = limit.map(|limit| Timespec {
        tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    match poll(sockets, limit.as_ref()) {
        // The caller looks at the clock and waits again.
        Err(rustix::io::Errno::INTR) => Ok(()),
        other => other.map(drop).map_err(io::Error::from),
    }
}
