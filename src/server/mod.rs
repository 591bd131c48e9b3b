//! The server's life: start, run, stop. It owns the runtime and the listeners and puts the layers together.
//!
//! One thread (named `acebase-ipc`) drives the runtime from start to stop. Nothing here knows Node.js.

mod accept;
pub mod config;
mod listen;
mod memory;
mod renewal;
#[cfg(all(test, unix))]
mod tests;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, Semaphore},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::{self, SystemClock},
    coordination::{ClusterCoordinator, CoordinationConfig},
    guard::{describe, guard_vital},
    http::{self, access::Access, remote::Proxies},
    hub::{
        self, CoordinatorFactory, Hub,
        event::{Event, Observer},
    },
    keeper::{self, Keeper, Launch},
    observe::{Watch, report::Question},
    session,
    tls::{Certificates, TlsError},
    unfinished::Unfinished,
};
use accept::Acceptor;
use config::{Config, LargeMessages};
use memory::Memory;

/// How often acknowledged data is let go of, and figures are taken down. Rare enough to cost nothing, often enough that
/// idle peers keep nothing, and that a chart shows what a person has felt.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// Time that a stop takes at most beyond the flush: closing handshakes, tasks that end.
const STOP_GRACE: Duration = Duration::from_millis(750);

/// The code of warnings about the port's keeper.
const KEEPER_WARNING: &str = "port-keeper";

/// The server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, the address is not this machine's, …
    #[error("cannot listen on {address}: {source}{}", advice(source))]
    Listen {
        /// What was asked for.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// Only a fixed port can be kept.
    #[error("keepPort needs a fixed port: 0 is another one after each start")]
    KeepPort,
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No thread, no event queue.
    #[error("cannot start the server's runtime: {0}")]
    Runtime(io::Error),
}

impl StartError {
    /// The system's error code, as Node.js names it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => "EADDRINUSE",
                io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
                io::ErrorKind::PermissionDenied => "EACCES",
                _ => "ERR_IPC_LISTEN",
            },
            Self::KeepPort => "ERR_IPC_KEEP_PORT",
            Self::Tls(_) => "ERR_IPC_TLS",
            Self::Runtime(_) => "ERR_IPC_RUNTIME",
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => ". Another process uses this port: stop it, or choose another port",
        io::ErrorKind::PermissionDenied => ". Ports below 1024 need privileges: choose a higher one",
        _ => "",
    }
}

/// A running server.
pub struct Server {
    hub: Arc<Hub>,
    addresses: Vec<SocketAddr>,
    shutdown: CancellationToken,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    keeper: Mutex<Option<Keeper>>,
    watch: Arc<Watch>,
    certificates: Option<Arc<Certificates>>,
}

impl Server {
    /// Starts a server. Returns when it listens; blocks meanwhile (a name is resolved, keys are decrypted).
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let watch = Arc::new(Watch::new(observer));
        let observer: Arc<dyn Observer> = watch.clone();
        let certificates = load_certificates(&config, &*observer)?;
        let (listeners, keeper) = open_port(&config, &observer)?;
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let runtime = build_runtime(config.threads).map_err(StartError::Runtime)?;
        let alarm = Arc::new(Notify::new());
        let hub = Arc::new(new_hub(&config, observer.clone(), alarm.clone()));
        let shutdown = CancellationToken::new();
        let run = {
            let (certificates, watch) = (certificates.clone(), watch.clone());
            run(config, listeners, certificates, hub.clone(), alarm, watch, shutdown.clone())
        };
        let body = move || {
            // A panic of the main task must not pass without a word.
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run))) {
                let message = format!("The server failed and has stopped: {}", describe(&*panic));
                observer.event(Event::Failed { message });
            }
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name("acebase-ipc".into()).spawn(body).map_err(StartError::Runtime)?;
        Ok(Self {
            hub,
            addresses,
            shutdown,
            thread: Mutex::new(Some(thread)),
            keeper: Mutex::new(keeper),
            watch,
            certificates,
        })
    }

    /// Stops: no more connections, outboxes are sent, peers are told 1001. Returns when the port is free. Blocks for
    /// `flushTimeout` and a little more at most. A second call returns at once.
    pub fn stop(&self) {
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = &keeper {
            keeper.dismiss();
        }
        self.finish();
        if keeper.is_some_and(|keeper| !keeper.wait_until_gone()) {
            let message = "The keeper of the port does not answer: the port stays open until its process ends".into();
            self.watch.event(Event::Warning { code: KEEPER_WARNING, message });
        }
    }

    /// Stops as [`Server::stop`] does, but leaves the port to its keeper, if it has one: the server is coming back, in
    /// another process perhaps. Without a keeper the port is free afterwards.
    pub fn leave(&self) {
        self.finish();
        // Not earlier: the next server must not get the port while this one still has peers.
        drop(self.keeper.lock().take());
    }

    fn finish(&self) {
        self.shutdown.cancel();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // The thread catches its panics.
            let _ = thread.join();
        }
    }

    /// The hub, for questions and for messages of the server's owner.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// How things stand at the moment, as JSON: what `/status.json` says of the server and its databases.
    pub fn standing_json(&self) -> String {
        self.watch.standing_json(&self.hub, self.shutdown.is_cancelled())
    }

    /// How things stand, as JSON.
    pub fn status_json(&self, question: &Question) -> String {
        self.watch.status_json(&self.hub, question, self.shutdown.is_cancelled())
    }

    /// The figures for Prometheus, as text.
    pub fn metrics(&self) -> String {
        self.watch.metrics(&self.hub, self.shutdown.is_cancelled())
    }

    /// Reads the certificates' files anew, for new connections. They are also read when they change. Blocks; does
    /// nothing without TLS.
    ///
    /// # Errors
    /// See [`TlsError`]; then the old ones stay in use, and the observer is warned.
    pub fn reload_certificates(&self) -> Result<(), TlsError> {
        let Some(certificates) = &self.certificates else { return Ok(()) };
        let outcome = certificates.reload();
        renewal::tell(&outcome, &*self.watch);
        outcome
    }

    /// The addresses that it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }
}

impl Drop for Server {
    /// Who does not stop a server has not said that it will not come back.
    fn drop(&mut self) {
        self.leave();
    }
}

/// A certificate that clients refuse is served nevertheless, with a warning: there is no other.
fn load_certificates(config: &Config, observer: &dyn Observer) -> Result<Option<Arc<Certificates>>, TlsError> {
    let Some(options) = config.tls.clone() else { return Ok(None) };
    let (certificates, doubt) = Certificates::load(options)?;
    if let Some(doubt) = doubt {
        observer.event(Event::Warning { code: "certificate-refused-by-clients", message: doubt.to_string() });
    }
    Ok(Some(Arc::new(certificates)))
}

/// Opens the port, with a keeper if there is to be one.
fn open_port(config: &Config, observer: &Arc<dyn Observer>) -> Result<(Vec<TcpListener>, Option<Keeper>), StartError> {
    let (host, port) = (config.host.as_deref(), config.port);
    let opened = match &config.keep_port {
        None => listen::bind(host, port).map(|listeners| (listeners, None)),
        Some(_) if port == 0 => return Err(StartError::KeepPort),
        Some(launch) => open_kept_port(host, port, launch.clone(), observer.clone()),
    };
    opened.map_err(|source| StartError::Listen { address: format!("{}:{port}", host.unwrap_or("*")), source })
}

fn open_kept_port(
    host: Option<&str>,
    port: u16,
    launch: Launch,
    observer: Arc<dyn Observer>,
) -> io::Result<(Vec<TcpListener>, Option<Keeper>)> {
    let wanted = keeper::Wanted {
        host,
        port,
        bind: &|| listen::bind(host, port),
        fits: &|addresses| listen::is_at(addresses, host, port),
    };
    let warn = move |message| observer.event(Event::Warning { code: KEEPER_WARNING, message });
    keeper::open(&wanted, launch, Arc::new(warn))
}

fn build_runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        several => Builder::new_multi_thread().worker_threads(several).enable_all().build(),
    }
}

fn new_hub(config: &Config, observer: Arc<dyn Observer>, alarm: Arc<Notify>) -> Hub {
    let settings = hub::Settings {
        max_queue: config.max_queue,
        max_payload: config.effective_max_payload(),
        download_large: config.large_messages == LargeMessages::Download,
        coordinators: coordinators(&config.coordination),
    };
    Hub::new(settings, observer, Arc::new(SystemClock::start()), Box::new(move || alarm.notify_one()))
}

/// Each database gets a coordinator of its own; none where everything that it does is switched off.
fn coordinators(config: &CoordinationConfig) -> Option<CoordinatorFactory> {
    let config = config.clone();
    let wall_clock = |_| clock::unix_millis();
    config.is_on().then(|| -> CoordinatorFactory {
        Box::new(move || Box::new(ClusterCoordinator::new(config.clone(), wall_clock)))
    })
}

/// Serves the listeners until `shutdown` is cancelled, then ends everything in order.
async fn run(
    config: Config,
    listeners: Vec<TcpListener>,
    certificates: Option<Arc<Certificates>>,
    hub: Arc<Hub>,
    alarm: Arc<Notify>,
    watch: Arc<Watch>,
    shutdown: CancellationToken,
) {
    let flush_timeout = config.flush_timeout;
    let tasks = TaskTracker::new();
    let accepting = TaskTracker::new();
    if let Some(certificates) = certificates.clone() {
        accepting.spawn(until_cancelled(shutdown.clone(), renewal::watch_files(certificates, watch.clone())));
    }
    let context = new_context(&config, hub.clone(), watch.clone(), shutdown.clone(), tasks.clone());
    let acceptor = Arc::new(new_acceptor(&config, certificates, context));
    for listener in listeners {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let accept = until_cancelled(shutdown.clone(), acceptor.clone().run(listener));
                accepting.spawn(guard_vital(watch.clone(), "acceptor", accept));
            }
            Err(error) => watch.event(Event::Failed { message: format!("Cannot listen: {error}") }),
        }
    }
    keep_house(&hub, &watch, &alarm, &shutdown).await;
    accepting.close();
    accepting.wait().await;
    hub.close();
    tasks.close();
    let _ = timeout(flush_timeout + session::LINGER + STOP_GRACE, tasks.wait()).await;
    watch.tell_rest();
}

fn new_context(
    config: &Config,
    hub: Arc<Hub>,
    watch: Arc<Watch>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
) -> http::Context {
    let limits = session::Limits {
        max_payload: config.announced_max_payload(),
        max_message_size: config.max_message_size,
        flush_timeout: config.flush_timeout,
        unfinished: Arc::new(new_unfinished(config.max_unfinished, watch.clone())),
    };
    http::Context {
        hub,
        access: Access::new(config.access_tokens(), config.allowed_origins.clone(), config.host.clone()),
        proxies: Proxies::new(config.trusted_proxies.clone()),
        limits,
        max_payload_without_post: config.max_payload_without_post(),
        max_header_size: config.max_header_size,
        handshake_timeout: config.handshake_timeout,
        development: config.development,
        dashboard: config.dashboard,
        watch,
        shutdown,
        tasks,
    }
}

fn new_unfinished(limit: usize, watch: Arc<Watch>) -> Unfinished {
    Unfinished::new(limit, move |full| {
        let advice = "Somebody has begun much and not finished it, or maxUnfinished is too small for this cluster";
        let message = format!("A message or a connection was refused: {full}. {advice}");
        watch.event_of_stranger(None, Event::Warning { code: "max-unfinished", message });
    })
}

fn new_acceptor(config: &Config, certificates: Option<Arc<Certificates>>, context: http::Context) -> Acceptor {
    Acceptor {
        context: Arc::new(context),
        certificates,
        places: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
        turned_away: Arc::new(Semaphore::new(accept::MAX_TURNED_AWAY)),
        keep_alive: config.keep_alive,
        user_timeout: config.user_timeout,
        no_delay: config.no_delay,
    }
}

async fn until_cancelled(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

/// Gives the hub its ticks, and takes its figures down, until the server stops.
async fn keep_house(hub: &Hub, watch: &Arc<Watch>, alarm: &Notify, shutdown: &CancellationToken) {
    let mut memory = Memory::new(watch.clone());
    let started = Instant::now();
    let hub_started = hub.now();
    let mut tidy_at = started + TIDY_EVERY;
    loop {
        let deadline = hub.next_deadline().map(|at| started + Duration::from_millis(at.saturating_sub(hub_started)));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = alarm.notified() => {}
            () = sleep_until(deadline.map_or(tidy_at, |deadline| deadline.min(tidy_at))) => {}
        }
        if hub.next_deadline().is_some_and(|at| at <= hub.now()) {
            hub.tick();
        }
        if Instant::now() >= tidy_at {
            hub.trim();
            watch.sample(hub);
            memory.look();
            tidy_at = Instant::now() + TIDY_EVERY;
        }
    }
}
