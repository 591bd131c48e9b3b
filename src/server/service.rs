//! What a server does, apart from its port and its thread: it serves the listeners that it is given, on the runtime
//! that polls it, until it is told to stop. Puts the layers together.

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{Arc, OnceLock},
};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::{self, Acceptor},
    company::Company,
    config::{Config, LargeMessages},
    heritage::Inheritance,
    housekeeping, renewal,
    survival::Survival,
    tuning::Tuning,
};
#[cfg(target_os = "linux")]
use crate::keeper::Keeper;
use crate::{
    clock::SystemClock,
    cluster::relay::dial::{Dialer, Trust},
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
    observe::{Setup, Watch},
    session::{self, Sessions, parked::FrozenConnection},
    tls::{Certificates, TlsError},
    unfinished::Unfinished,
};

/// What is under way.
pub(super) struct Serving {
    pub(super) departure: Arc<Departure>,
    /// Connections that are no sessions (yet).
    pub(super) requests: TaskTracker,
    pub(super) sessions: Arc<Sessions>,
}

/// A server without a port and a thread of its own.
pub struct Service {
    pub(super) config: Config,
    pub(super) hub: Arc<Hub>,
    pub(super) watch: Arc<Watch>,
    pub(super) certificates: Option<Arc<Certificates>>,
    /// Rings when the hub's next deadline has come nearer.
    pub(super) alarm: Arc<Notify>,
    pub(super) clock: Arc<SystemClock>,
    inherited: Inherited,
    /// What lets connections outlive the process, where something does.
    pub(super) survival: Option<Survival>,
    /// The other hubs, where this is one of several.
    pub(super) company: Option<Company>,
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
        let setup = Setup {
            thresholds: config.trouble,
            max_queue: config.max_queue,
            release_locks_after: config.coordination.release_locks_after,
        };
        let watch = Arc::new(Watch::new(observer, setup));
        let certificates = load_certificates(&config, &*watch)?;
        let alarm = Arc::new(Notify::new());
        let clock = Arc::new(match config.cluster {
            Some(_) => SystemClock::start_at_the_time_of_day(),
            None => SystemClock::start(),
        });
        let hub = Arc::new(new_hub(&config, coordinators, watch.clone(), clock.clone(), alarm.clone()));
        let inherited = Inherited::default();
        let mut service =
            Self { config, hub, watch, certificates, alarm, clock, inherited, survival: None, company: None };
        if let Some(settings) = service.config.cluster.clone() {
            service.join(Company::new(settings, service.dialer(), &service.hub, &service.watch));
        }
        Ok(service)
    }

    /// Is one of several hubs from now on.
    pub(super) fn join(&mut self, company: Company) {
        self.watch.joins(company.cluster().registry.clone());
        self.company = Some(company);
    }

    /// What reaches other hubs: as this one is reached, with TLS where it has a certificate.
    pub(super) fn dialer(&self) -> Dialer {
        let tuning = tuning(&self.config);
        let trust = self.certificates.clone().map(|own| -> Trust { Box::new(move || own.to_hubs()) });
        Dialer::new(Box::new(move |socket| tuning.apply(socket)), trust)
    }

    /// Lets the connections outlive the process with a keeper's help, where that is wanted and can be.
    #[cfg(target_os = "linux")]
    pub(super) fn survive_with(&mut self, keeper: &Keeper) {
        if self.config.survive_crash && self.obstacle_to_survival().is_none() {
            self.survival = Some(Survival::new(keeper.holds().clone(), &self.config));
        } else {
            keeper.holds().forget_remains();
        }
    }

    /// Why the connections cannot outlive the process, whatever the configuration wants.
    pub(super) fn obstacle_to_survival(&self) -> Option<&'static str> {
        if cfg!(not(target_os = "linux")) {
            Some("it needs Linux")
        } else if self.config.keep_port.is_none() {
            Some("it needs keepPort")
        } else if self.certificates.is_some() {
            Some("with ssl, connections cannot go on in another process that knows nothing of this one")
        } else if self.config.large_messages == LargeMessages::Download {
            Some("with largeMessages \"download\", what waits to be fetched is not written down")
        } else {
            None
        }
    }

    /// Goes on where another server has stopped: its peers are there, and are served as soon as this runs.
    ///
    /// # Errors
    /// What it has left cannot be used. Then this serves as if there were nothing.
    pub(super) fn inherit(&mut self, (heritage, sockets): Inheritance) -> Result<(), ThawError> {
        let now = heritage.hub.now;
        self.hub.thaw(heritage.hub)?;
        if let Some((company, held)) = self.company.as_mut().zip(heritage.cluster) {
            company.adopt(held);
        }
        self.clock.go_on_from(now);
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
        self.end(serving).await
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
        if let Some(company) = &mut self.company {
            company.begin(self.watch.clone());
        }
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
        until_cancelled(shutdown.clone(), housekeeping::keep(&self.hub, &self.watch, &self.clock, &self.alarm)).await;
        accepting.close();
        accepting.wait().await;
        serving.requests.close();
        serving
    }

    fn take_up_inherited(&mut self, acceptor: &Arc<Acceptor>, sessions: &Arc<Sessions>) {
        let Inherited { peers, idle } = std::mem::take(&mut self.inherited);
        let take_up = |(connection, socket)| acceptor.take_up(connection, socket);
        let taken_up: Vec<_> = peers.into_iter().filter_map(take_up).collect();
        self.hub.settle();
        if let Some(survival) = &self.survival {
            survival.begin(&self.hub);
        }
        // Not earlier: what they read must be written down.
        for session in taken_up {
            sessions.spawn(session);
        }
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
            tuning: tuning(config),
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
                keep: self.survival.as_ref().map(Survival::keep),
            },
            max_payload_without_post: config.max_payload_without_post(),
            max_header_size: config.max_header_size,
            handshake_timeout: config.handshake_timeout,
            development: config.development,
            drain_timeout: config.drain_timeout,
            watch: self.watch.clone(),
            dashboard: config.dashboard,
            shutdown: shutdown.clone(),
            departure: serving.departure.clone(),
            tasks: serving.requests.clone(),
            sessions: serving.sessions.clone(),
            cluster: self.company.as_ref().map(Company::cluster),
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
    Hub::new(hub_settings(config, coordinators), observer, clock, Box::new(move || alarm.notify_one()))
}

/// A hub's settings, as a configuration says.
pub(super) fn hub_settings(config: &Config, coordinators: Option<CoordinatorFactory>) -> hub::Settings {
    hub::Settings {
        max_queue: config.max_queue,
        max_payload: config.effective_max_payload(),
        download_large: config.large_messages == LargeMessages::Download,
        coordinators,
    }
}

fn new_unfinished(limit: usize, watch: Arc<Watch>) -> Unfinished {
    Unfinished::new(limit, move |full| {
        let advice = "Somebody has begun much and not finished it, or maxUnfinished is too small for this cluster";
        let message = format!("A message or a connection was refused: {full}. {advice}");
        watch.event_of_stranger(None, Event::Warning { code: "max-unfinished", message });
    })
}

fn tuning(config: &Config) -> Tuning {
    Tuning { keep_alive: config.keep_alive, user_timeout: config.user_timeout, no_delay: config.no_delay }
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
