//! What a server does, apart from its port and its thread: it serves the listeners that it is given, on the runtime
//! that polls it, until it is told to stop. Puts the layers together.

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::{self, Acceptor},
    config::{Config, LargeMessages},
    housekeeping, renewal,
};
use crate::{
    clock::SystemClock,
    guard::guard_vital,
    http::{self, access::Access, remote::Proxies},
    hub::{
        self, CoordinatorFactory, Hub,
        event::{Event, Observer},
    },
    observe::Watch,
    session,
    tls::{Certificates, TlsError},
    unfinished::Unfinished,
};

/// Time that a stop takes at most beyond the flush: closing handshakes, tasks that end.
const STOP_GRACE: Duration = Duration::from_millis(750);

/// A server without a port and a thread of its own.
pub struct Service {
    pub(super) config: Config,
    pub(super) hub: Arc<Hub>,
    pub(super) watch: Arc<Watch>,
    pub(super) certificates: Option<Arc<Certificates>>,
    /// Rings when the hub's next deadline has come nearer.
    alarm: Arc<Notify>,
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
        let hub = Arc::new(new_hub(&config, coordinators, watch.clone(), alarm.clone()));
        Ok(Self { config, hub, watch, certificates, alarm })
    }

    /// Serves the listeners until `shutdown` is cancelled, then ends everything in order: the ports are closed,
    /// outboxes are sent, peers are told. Returns at the latest `flushTimeout` and a little more after the
    /// cancellation.
    ///
    /// # Panics
    /// Outside of a tokio runtime that has I/O and time.
    pub async fn run(self, listeners: Vec<TcpListener>, shutdown: CancellationToken) {
        let accepting = TaskTracker::new();
        if let Some(certificates) = self.certificates.clone() {
            let renewal = renewal::watch_files(certificates, self.watch.clone());
            accepting.spawn(until_cancelled(shutdown.clone(), renewal));
        }
        let connections = TaskTracker::new();
        let acceptor = Arc::new(self.acceptor(&shutdown, &connections));
        for listener in listeners {
            match into_async(listener) {
                Ok(listener) => {
                    let accept = until_cancelled(shutdown.clone(), acceptor.clone().run(listener));
                    accepting.spawn(guard_vital(self.watch.clone(), "acceptor", accept));
                }
                Err(error) => self.watch.event(Event::Failed { message: format!("Cannot listen: {error}") }),
            }
        }
        until_cancelled(shutdown, housekeeping::keep(&self.hub, &self.watch, &self.alarm)).await;
        accepting.close();
        accepting.wait().await;
        self.hub.close();
        connections.close();
        let _ = timeout(self.config.flush_timeout + session::LINGER + STOP_GRACE, connections.wait()).await;
        self.watch.tell_rest();
    }

    fn acceptor(&self, shutdown: &CancellationToken, connections: &TaskTracker) -> Acceptor {
        let config = &self.config;
        Acceptor {
            context: Arc::new(self.context(shutdown, connections)),
            certificates: self.certificates.clone(),
            places: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(accept::MAX_TURNED_AWAY)),
            keep_alive: config.keep_alive,
            user_timeout: config.user_timeout,
            no_delay: config.no_delay,
        }
    }

    fn context(&self, shutdown: &CancellationToken, connections: &TaskTracker) -> http::Context {
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
            tasks: connections.clone(),
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
    alarm: Arc<Notify>,
) -> Hub {
    let settings = hub::Settings {
        max_queue: config.max_queue,
        max_payload: config.effective_max_payload(),
        download_large: config.large_messages == LargeMessages::Download,
        coordinators,
    };
    Hub::new(settings, observer, Arc::new(SystemClock::start()), Box::new(move || alarm.notify_one()))
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
