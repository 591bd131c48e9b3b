//! What a server does, apart from its port and its thread: it serves the listeners that it is given, on the runtime
//! that polls it, until it is told to stop. Puts the layers together.

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::{self, Acceptor},
    config::{Config, LargeMessages},
    heritage::{Heritage, Inheritance},
    housekeeping, renewal,
};
use crate::{
    clock::SystemClock,
    guard::guard_vital,
    http::{
        self,
        access::Access,
        departure::{Departure, FrozenIdle, Parting},
        remote::Proxies,
    },
    hub::{
        self, CoordinatorFactory, Hub, ThawError,
        event::{Event, Observer},
    },
    observe::Watch,
    session::{self, Sessions, parked::FrozenConnection},
    tls::{Certificates, TlsError},
    unfinished::Unfinished,
};

/// Time that a stop takes at most beyond the flush: closing handshakes, tasks that end.
const STOP_GRACE: Duration = Duration::from_millis(750);

/// How long requests may take to end where connections go on in another process, whatever `flushTimeout` says: all
/// peers stand still meanwhile, or would be cut off where whoever stops this process loses patience (pm2 after 1.6
/// seconds).
const REQUESTS_LIMIT: Duration = Duration::from_secs(1);

/// How long sessions may take to stop where they are going on in another process: a turn each. Those that are being
/// closed may take longer, and are not worth the wait.
const PARK_LIMIT: Duration = Duration::from_millis(400);

/// How often it is looked whether all is quiet: rarely enough to cost nothing, often enough that nobody notices.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What is under way.
struct Serving {
    departure: Arc<Departure>,
    /// Connections that are no sessions (yet).
    requests: TaskTracker,
    sessions: Arc<Sessions>,
}

/// A server without a port and a thread of its own.
pub struct Service {
    pub(super) config: Config,
    pub(super) hub: Arc<Hub>,
    pub(super) watch: Arc<Watch>,
    pub(super) certificates: Option<Arc<Certificates>>,
    /// Rings when the hub's next deadline has come nearer.
    alarm: Arc<Notify>,
    clock: Arc<SystemClock>,
    inherited: Inherited,
}

/// The connections of the former server, from which the hub was taken over.
#[derive(Default)]
struct Inherited {
    peers: Vec<(FrozenConnection, TcpStream)>,
    idle: Vec<(FrozenIdle, TcpStream)>,
}

impl Service {
    /// Gets ready to serve; blocks where certificates are to be loaded. `coordinators` makes who reads the messages of
    /// each database; without it nobody does. What `config` says of the port, of threads and of coordination does not
    /// matter here.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn new(
        config: Config,
        coordinators: Option<CoordinatorFactory>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, TlsError> {
        let watch = Arc::new(Watch::new(observer));
        let certificates = load_certificates(&config, &*watch)?;
        let alarm = Arc::new(Notify::new());
        let clock = Arc::new(SystemClock::start());
        let hub = Arc::new(new_hub(&config, coordinators, watch.clone(), clock.clone(), alarm.clone()));
        Ok(Self { config, hub, watch, certificates, alarm, clock, inherited: Inherited::default() })
    }

    /// Goes on where another server has stopped: its peers are there, and are served as soon as this runs.
    ///
    /// # Errors
    /// What it has left cannot be used. Then this serves as if there were nothing.
    pub(super) fn inherit(&mut self, (heritage, sockets): Inheritance) -> Result<(), ThawError> {
        let now = heritage.hub.now;
        self.hub.thaw(heritage.hub)?;
        self.clock.put_forward(now);
        let mut sockets = sockets.into_iter();
        self.inherited.peers = heritage.connections.into_iter().zip(&mut sockets).collect();
        self.inherited.idle = heritage.idle.into_iter().zip(sockets).collect();
        Ok(())
    }

    /// Serves the listeners until `shutdown` is cancelled, then ends everything in order: the ports are closed,
    /// locks are returned, outboxes are sent, peers are told. Returns at the latest `drainTimeout`, `flushTimeout` and
    /// a little more after the cancellation.
    ///
    /// # Panics
    /// Outside of a tokio runtime that has I/O and time.
    pub async fn run(self, listeners: Vec<TcpListener>, shutdown: CancellationToken) {
        // Nobody says otherwise: all is closed, and nothing given back.
        let _ = self.run_or_bequeath(listeners, shutdown, Arc::default()).await;
    }

    /// As [`Service::run`], unless `parting` says otherwise when `shutdown` is cancelled: then what this has known and
    /// done is given back, for another server to go on with. If connections go on, too, nobody is told anything, and
    /// this returns when requests are answered and sessions have stopped, a second and a half later at most.
    pub(super) async fn run_or_bequeath(
        mut self,
        listeners: Vec<TcpListener>,
        shutdown: CancellationToken,
        parting: Arc<OnceLock<Parting>>,
    ) -> Option<Inheritance> {
        let serving = self.serve(listeners, &shutdown, parting).await;
        match serving.departure.parting() {
            Parting::Close => {
                self.come_to_rest().await;
                self.close(serving).await;
                None
            }
            Parting::PassSessionsOn => {
                self.come_to_rest().await;
                Some(self.bequeath_sessions(serving).await)
            }
            Parting::PassConnectionsOn => Some(self.bequeath(serving).await),
        }
    }

    /// Serves until `shutdown` is cancelled and no more connection is accepted.
    async fn serve(
        &mut self,
        listeners: Vec<TcpListener>,
        shutdown: &CancellationToken,
        parting: Arc<OnceLock<Parting>>,
    ) -> Serving {
        let accepting = TaskTracker::new();
        if let Some(certificates) = self.certificates.clone() {
            let renewal = renewal::watch_files(certificates, self.watch.clone());
            accepting.spawn(until_cancelled(shutdown.clone(), renewal));
        }
        let serving = Serving {
            departure: Arc::new(Departure::new(parting)),
            requests: TaskTracker::new(),
            sessions: Sessions::new(self.watch.clone()),
        };
        let acceptor = Arc::new(self.acceptor(shutdown, &serving));
        self.take_up_inherited(&acceptor, &serving.sessions);
        for listener in listeners {
            match into_async(listener) {
                Ok(listener) => {
                    let accept = until_cancelled(shutdown.clone(), acceptor.clone().run(listener));
                    accepting.spawn(guard_vital(self.watch.clone(), "acceptor", accept));
                }
                Err(error) => self.watch.event(Event::Failed { message: format!("Cannot listen: {error}") }),
            }
        }
        until_cancelled(shutdown.clone(), housekeeping::keep(&self.hub, &self.watch, &self.alarm)).await;
        accepting.close();
        accepting.wait().await;
        serving.requests.close();
        serving
    }

    /// Lets processes return their locks, and the master give the answers that it owes, for `drainTimeout` at most.
    async fn come_to_rest(&self) {
        self.hub.close_doors();
        self.hub.quiesce();
        let rest = async {
            while !self.hub.is_quiet() {
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            _ = timeout(self.config.drain_timeout, rest) => {}
            () = housekeeping::keep(&self.hub, &self.watch, &self.alarm) => {}
        }
    }

    async fn close(&self, serving: Serving) {
        self.hub.close();
        self.wait_for_the_end_of(&serving).await;
        self.watch.tell_rest();
    }

    async fn wait_for_the_end_of(&self, serving: &Serving) {
        let all_has_ended = async { tokio::join!(serving.requests.wait(), serving.sessions.wait()) };
        let _ = timeout(self.config.flush_timeout + session::LINGER + STOP_GRACE, all_has_ended).await;
    }

    async fn bequeath_sessions(&self, serving: Serving) -> Inheritance {
        self.hub.part();
        self.wait_for_the_end_of(&serving).await;
        let heritage = Heritage::take(&self.hub, Vec::new(), Vec::new());
        self.watch.tell_rest();
        heritage
    }

    async fn bequeath(&self, serving: Serving) -> Inheritance {
        self.hub.close_doors();
        let _ = timeout(self.config.flush_timeout.min(REQUESTS_LIMIT), serving.requests.wait()).await;
        let parked = serving.sessions.park(&self.hub, PARK_LIMIT).await;
        let heritage = Heritage::take(&self.hub, parked, serving.departure.take());
        self.watch.tell_rest();
        heritage
    }

    fn take_up_inherited(&mut self, acceptor: &Arc<Acceptor>, sessions: &Arc<Sessions>) {
        let Inherited { peers, idle } = std::mem::take(&mut self.inherited);
        for (connection, socket) in peers {
            if let Some(session) = acceptor.take_up(connection, socket) {
                sessions.spawn(session);
            }
        }
        self.hub.settle();
        for (connection, socket) in idle {
            acceptor.clone().take_up_idle(connection, socket);
        }
    }

    fn acceptor(&self, shutdown: &CancellationToken, serving: &Serving) -> Acceptor {
        let config = &self.config;
        Acceptor {
            context: Arc::new(self.context(shutdown, serving)),
            certificates: self.certificates.clone(),
            places: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(accept::MAX_TURNED_AWAY)),
            keep_alive: config.keep_alive,
            user_timeout: config.user_timeout,
            no_delay: config.no_delay,
        }
    }

    fn context(&self, shutdown: &CancellationToken, serving: &Serving) -> http::Context {
        let config = &self.config;
        http::Context {
            hub: self.hub.clone(),
            access: Access::new(config.access_tokens(), config.allowed_origins.clone(), config.host.clone()),
            proxies: Proxies::new(config.trusted_proxies.clone()),
            limits: session::Limits {
                max_payload: config.announced_max_payload(),
                max_message_size: config.max_message_size,
                flush_timeout: config.flush_timeout,
                unfinished: Arc::new(new_unfinished(config.max_unfinished, self.watch.clone())),
            },
            max_payload_without_post: config.max_payload_without_post(),
            max_header_size: config.max_header_size,
            handshake_timeout: config.handshake_timeout,
            development: config.development,
            watch: self.watch.clone(),
            dashboard: config.dashboard,
            shutdown: shutdown.clone(),
            departure: serving.departure.clone(),
            tasks: serving.requests.clone(),
            sessions: serving.sessions.clone(),
        }
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

fn new_hub(
    config: &Config,
    coordinators: Option<CoordinatorFactory>,
    observer: Arc<dyn Observer>,
    clock: Arc<SystemClock>,
    alarm: Arc<Notify>,
) -> Hub {
    let settings = hub::Settings {
        max_queue: config.max_queue,
        max_payload: config.effective_max_payload(),
        download_large: config.large_messages == LargeMessages::Download,
        coordinators,
    };
    Hub::new(settings, observer, clock, Box::new(move || alarm.notify_one()))
}

fn new_unfinished(limit: usize, watch: Arc<Watch>) -> Unfinished {
    Unfinished::new(limit, move |full| {
        let advice = "Somebody has begun much and not finished it, or maxUnfinished is too small for this cluster";
        let message = format!("A message or a connection was refused: {full}. {advice}");
        watch.event_of_stranger(None, Event::Warning { code: "max-unfinished", message });
    })
}

fn into_async(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

async fn until_cancelled(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}
