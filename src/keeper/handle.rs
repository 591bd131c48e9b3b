//! A running server's hold on its keeper: sends it away when the server stops, starts another when it dies.

use std::{
    convert::Infallible,
    io,
    net::{Shutdown, TcpListener},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{
    HandOverError, Launch, Legacy, Remains, Warn,
    attended::{Attended, GO_LIMIT},
    bequest::{Taken, entrust, find, inherit},
    deposit::deposit,
    errand::ERRAND_LIMIT,
    holds::Holds,
    open_files,
    rendezvous::Place,
    words::{Word, send, send_number},
};

/// Pause before a keeper that died is replaced. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: once a minute is often enough to try again, and to be told that no keeper stays alive.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The keeper of a server's port. Dropped, it leaves the port with the keeper, as the server's crash would.
pub struct Keeper {
    shared: Arc<Shared>,
    /// Disconnected when the keeper is gone.
    gone: Mutex<Receiver<Infallible>>,
}

struct Shared {
    state: Mutex<State>,
    /// The state has become [`State::Parted`].
    parted: Condvar,
    place: Place,
    launch: Launch,
    warn: Warn,
    /// What the keeper is to hold beside the listeners.
    holds: Arc<Holds>,
}

enum State {
    /// A keeper is there, and this is the connection to it.
    Kept { stream: UnixStream, listeners: Vec<TcpListener> },
    /// The keeper has died, and the next one is not started yet.
    Pausing { listeners: Vec<TcpListener> },
    /// The server has told the keeper to go, or has left it.
    Parted,
}

impl Keeper {
    /// Watches over a keeper. `listeners` are what the next one gets, should this one die; or at once, if there is
    /// none.
    pub fn attend(
        attended: io::Result<Attended>,
        listeners: Vec<TcpListener>,
        place: Place,
        launch: Launch,
        warn: Warn,
    ) -> io::Result<Self> {
        let state = match &attended {
            Ok(attended) => State::Kept { stream: attended.stream_to_speak()?, listeners },
            Err(_) => State::Pausing { listeners },
        };
        let holds = Holds::new();
        let shared = Shared { state: Mutex::new(state), parted: Condvar::new(), place, launch, warn, holds };
        let shared = Arc::new(shared);
        let keeping = Arc::downgrade(&shared);
        shared.holds.clone().run(move || keeping.upgrade()?.connection())?;
        let (is_watching, gone) = channel();
        let watched = shared.clone();
        thread::Builder::new().name("acebase-keeper".into()).spawn(move || watched.watch(attended, is_watching))?;
        Ok(Self { shared, gone: Mutex::new(gone) })
    }

    /// Leaves a legacy with the keeper. It has all for certain when this returns without an error. The server must not
    /// use it any more then, and drops the keeper: whoever claims the port next gets the legacy. Blocks for
    /// [`ERRAND_LIMIT`] and a little more at most.
    ///
    /// # Errors
    /// See [`HandOverError`]. The server can go on with all as before then.
    pub fn hand_over(&self, legacy: &Legacy) -> Result<(), HandOverError> {
        let until = Instant::now() + ERRAND_LIMIT;
        let main = self.shared.connection().ok_or(HandOverError::NoKeeper)?;
        let directory = self.shared.place.path().parent().unwrap_or(Path::new("/"));
        entrust(&main, legacy, directory, until)
    }

    /// Takes over what the former server has left: so many descriptors, as the keeper has said, or the beginning of it,
    /// where this process cannot have so many.
    pub(super) fn inherit(&self, count: u32) -> io::Result<Taken<Legacy>> {
        let main = self.shared.connection().ok_or(io::ErrorKind::NotConnected)?;
        inherit(&main, count, open_files::room(), Instant::now() + ERRAND_LIMIT)
    }

    /// Takes over what remains of the former server, so many descriptors, or some of it, where this process cannot have
    /// so many. The keeper has it, too, until it is told to forget it.
    pub(super) fn find_remains(&self, count: u32) -> io::Result<Taken<Remains>> {
        let main = self.shared.connection().ok_or(io::ErrorKind::NotConnected)?;
        find(&main, count, open_files::room(), Instant::now() + ERRAND_LIMIT)
    }

    /// What the keeper holds beside the listeners, should this server be killed.
    pub fn holds(&self) -> &Arc<Holds> {
        &self.shared.holds
    }

    /// Has nothing more held: see [`Holds::end`].
    pub fn end_holds(&self) {
        self.shared.holds.end();
    }

    /// Has the keeper close what it holds beside the listeners: the server comes to an orderly end.
    pub fn release_holds(&self) {
        self.shared.holds.end();
        if let Some(main) = self.shared.connection() {
            // If that fails, the keeper is gone.
            let _ = send_number(&main, Word::Release, None, &[]);
        }
    }

    /// Tells the keeper to close the sockets and go. Returns at once. The server's own listeners must be closed
    /// already, if the port is to be free when the keeper is gone.
    pub fn dismiss(&self) {
        if let State::Kept { stream, .. } = self.shared.part() {
            // If that fails, it is gone.
            let _ = send(&stream, Word::Go, &[]);
        }
    }

    /// Waits until a dismissed keeper has closed its sockets, for two seconds at most. `false`: it has not.
    pub fn wait_until_gone(&self) -> bool {
        matches!(self.gone.lock().recv_timeout(GO_LIMIT), Err(RecvTimeoutError::Disconnected))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let State::Kept { stream, .. } = self.shared.part() {
            // Also wakes the thread that watches.
            let _ = stream.shutdown(Shutdown::Both);
            // The thread must not outlive the program that it is a part of.
            self.wait_until_gone();
        }
    }
}

impl Shared {
    /// The connection to the keeper once more. Who watches goes on reading what comes over it.
    fn connection(&self) -> Option<UnixStream> {
        match &*self.state.lock() {
            State::Kept { stream, .. } => stream.try_clone().ok(),
            State::Pausing { .. } | State::Parted => None,
        }
    }

    /// Ends the watch and what is held, and gives the former state: its duplicates of the listeners are closed when it
    /// is dropped.
    fn part(&self) -> State {
        self.holds.end();
        let former = std::mem::replace(&mut *self.state.lock(), State::Parted);
        self.parted.notify_all();
        former
    }

    /// Sees to it that there is a keeper, until the server parts with it.
    fn watch(&self, mut attended: io::Result<Attended>, _is_watching: Sender<Infallible>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let since = Instant::now();
            let how = match attended {
                Ok(attended) => attended.outlive(),
                Err(error) => format!("cannot be started: {error}"),
            };
            if since.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            if !self.begin_pause() {
                return;
            }
            let next = format!("The next one is started in {} s", pause.as_secs());
            (self.warn)(format!(
                "The keeper of the port {how}. {next}; if the server ends before that, its port closes"
            ));
            match self.replace_after(pause) {
                Some(next) => attended = next,
                None => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `false`: the server has parted with the keeper, and this is why it ended.
    fn begin_pause(&self) -> bool {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Parted) {
            State::Kept { listeners, .. } | State::Pausing { listeners } => {
                *state = State::Pausing { listeners };
                true
            }
            State::Parted => false,
        }
    }

    /// Starts a keeper after a pause. `None`: the server does not want one any more.
    fn replace_after(&self, pause: Duration) -> Option<io::Result<Attended>> {
        let mut state = self.state.lock();
        let until = Instant::now() + pause;
        while !matches!(*state, State::Parted) && !self.parted.wait_until(&mut state, until).timed_out() {}
        let State::Pausing { listeners } = std::mem::replace(&mut *state, State::Parted) else { return None };
        let attended = deposit(&self.place, &listeners, &self.launch)
            .and_then(|attended| attended.stream_to_speak().map(|stream| (attended, stream)));
        Some(match attended {
            Ok((attended, stream)) => {
                *state = State::Kept { stream, listeners };
                self.holds.begin_anew();
                Ok(attended)
            }
            Err(error) => {
                *state = State::Pausing { listeners };
                Err(error)
            }
        })
    }
}
