//! Passes descriptors from one process to another, over a connection that is made for nothing else: its end is how each
//! side learns that the other has broken off. They go part by part, and each part is answered before the next one is
//! sent. So few are in flight (Linux counts them against the limit of open files), none is closed before it has arrived
//! (Apple's systems may lose it), and no buffer fills. Knows nothing of what the descriptors are.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use super::words::{MAX_ATTACHED, Message, Word, is_lack_of_files, receive, send, send_number};

/// How long an errand may take from one side's view: some seconds for many thousand connections on a busy machine. Less
/// than clients bear to hear nothing (ten seconds), so that whoever fails can still go on.
pub const ERRAND_LIMIT: Duration = Duration::from_secs(8);

/// Pause when other programs of this user have too many descriptors in flight.
const CROWD_PAUSE: Duration = Duration::from_millis(5);

/// One side of an errand.
pub struct Errand {
    stream: UnixStream,
    /// How long the other side may be silent.
    silence: Duration,
    /// When all must be done.
    until: Instant,
}

/// Why not all was passed.
#[derive(Debug)]
pub enum Broken {
    /// The other side cannot have more open files than this.
    Full { limit: u32 },
    /// The other side is gone, is silent, or says nonsense.
    Lost(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl Errand {
    /// The side of an errand that has the connection's end `stream`.
    pub fn new(stream: UnixStream, silence: Duration, until: Instant) -> Self {
        Self { stream, silence, until }
    }

    /// Asks for an errand over the connection `main`: our side of it. `word` says what for.
    pub fn ask(main: &UnixStream, word: Word, number: Option<u32>, until: Instant) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // Our copy of their end is closed here: else we would never see that they are gone.
        send_number(main, word, number, &[theirs.as_fd()])?;
        Ok(Self::new(ours, ERRAND_LIMIT, until))
    }

    /// Passes descriptors. All are safe with the other side when this returns.
    pub fn pass(&self, descriptors: &[BorrowedFd<'_>]) -> Result<(), Broken> {
        for part in descriptors.chunks(MAX_ATTACHED) {
            self.send_part(part)?;
            self.await_go_ahead()?;
        }
        Ok(())
    }

    /// Waits until the other side has what was sent.
    pub fn await_go_ahead(&self) -> Result<(), Broken> {
        match self.hear()? {
            Message { word: Word::Got, .. } => Ok(()),
            Message { word: Word::Full, number: Some(limit), .. } => Err(Broken::Full { limit }),
            _ => Err(Broken::Lost(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Takes so many descriptors, in the order in which they are passed.
    pub fn take(&self, count: usize) -> io::Result<Vec<OwnedFd>> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.extend(self.take_part(count - taken.len())?);
        }
        Ok(taken)
    }

    /// Takes the first of so many descriptors: as many as there is room for. The rest is not waited for.
    pub fn take_first(&self, count: usize, room: usize) -> io::Result<Vec<OwnedFd>> {
        let mut taken = Vec::new();
        while taken.len() < count.min(room) {
            match self.take_part(count - taken.len()) {
                // Somebody else of this process has taken the room.
                Err(error) if is_lack_of_files(&error) && !taken.is_empty() => return Ok(taken),
                part => taken.extend(part?),
            }
        }
        taken.truncate(room);
        Ok(taken)
    }

    fn take_part(&self, most: usize) -> io::Result<Vec<OwnedFd>> {
        let part = self.hear()?;
        if part.word != Word::Part || !(1..=most).contains(&part.attached.len()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.go_ahead()?;
        Ok(part.attached)
    }

    /// Says that what was sent is here.
    pub fn go_ahead(&self) -> io::Result<()> {
        send(&self.stream, Word::Got, &[])
    }

    /// Says that there cannot be so many open files.
    pub fn refuse(&self, limit: u32) -> io::Result<()> {
        send_number(&self.stream, Word::Full, Some(limit), &[])
    }

    fn send_part(&self, part: &[BorrowedFd<'_>]) -> io::Result<()> {
        loop {
            self.stream.set_write_timeout(Some(self.patience()?))?;
            match send(&self.stream, Word::Part, part) {
                Err(error) if is_crowded(&error) => thread::sleep(CROWD_PAUSE),
                other => return other,
            }
        }
    }

    fn hear(&self) -> io::Result<Message> {
        self.stream.set_read_timeout(Some(self.patience()?))?;
        match receive(&self.stream) {
            Ok(message) => message.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it has hung up")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(late()),
            Err(error) => Err(error),
        }
    }

    /// How long the next step may take: more than nothing.
    fn patience(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now()).min(self.silence);
        if left.is_zero() { Err(late()) } else { Ok(left) }
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it takes too long")
}

fn is_crowded(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::TOOMANYREFS.raw_os_error())
}
