//! A server's life: started, stopped, or left for the next one to take over. Has the thread that drives the runtime
//! from start to stop (named `acebase-ipc`) and the port; what is served on them is [`Service`]'s. Nothing here knows
//! Node.js.

mod accept;
mod close_client;
mod company;
pub mod config;
mod ending;
mod error;
#[cfg(target_os = "linux")]
mod first_to_close;
mod held;
mod heritage;
mod housekeeping;
mod listen;
mod memory;
mod port;
mod renewal;
mod service;
#[cfg(any(target_vendor = "apple", windows))]
mod socket_option;
#[cfg(target_os = "linux")]
mod survival;
#[cfg(not(target_os = "linux"))]
#[path = "no_survival.rs"]
mod survival;
#[cfg(all(test, unix))]
mod tests;
mod tuning;
mod user_timeout;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    panic::{self, AssertUnwindSafe},
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use close_client::FarClients;
use company::Company;
pub use error::StartError;
use heritage::Inheritance;
pub use service::Service;
#[cfg(target_os = "linux")]
use survival::Found;

#[cfg(target_os = "linux")]
use crate::keeper::Remains;
use crate::{
    acebase::Process,
    clock,
    cluster::{Cluster, relay::relayed::Row},
    coordination::{ClusterCoordinator, CoordinationConfig},
    guard::describe,
    http::departure::Parting,
    hub::{
        CoordinatorFactory, Hub, PeerSnapshot,
        event::{Event, Observer},
    },
    keeper::{Keeper, Legacy, Opened},
    observe::{Watch, report::Question},
    tls::{Certificates, TlsError},
};
use config::Config;

/// The code of what is told of connections that go from one server to the next.
const HAND_OVER: &str = "hand-over";

/// The code of what is told of connections that outlive a server that was killed.
const CRASH: &str = "crash";

/// A running server.
pub struct Server {
    hub: Arc<Hub>,
    addresses: Vec<SocketAddr>,
    shutdown: CancellationToken,
    /// What becomes of connections and sessions once `shutdown` is cancelled.
    parting: Arc<OnceLock<Parting>>,
    thread: Mutex<Option<JoinHandle<Option<Inheritance>>>>,
    keeper: Mutex<Option<Keeper>>,
    /// Held while it is being left to the next one.
    leaving: Mutex<()>,
    watch: Arc<Watch>,
    certificates: Option<Arc<Certificates>>,
    /// The other hubs, where this is one of several.
    cluster: Option<Arc<Cluster>>,
    far_clients: Option<FarClients>,
}

impl Server {
    /// Starts a server. Returns when it listens; blocks meanwhile (a name is resolved, keys are decrypted).
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(config: Config, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let coordinators = coordinators(&config.coordination);
        let mut service = Service::new(config, coordinators, observer)?;
        let (hub, watch, certificates) = (service.hub.clone(), service.watch.clone(), service.certificates.clone());
        let cluster = service.company.as_ref().map(Company::cluster);
        let opened = port::open(&service.config, watch.clone())?;
        match opened.legacy {
            Some(legacy) => inherit(&mut service, legacy),
            None if opened.is_succession => watch.note_restart(),
            None => {}
        }
        let Opened { listeners, keeper, .. } = opened;
        #[cfg(target_os = "linux")]
        if let Some(keeper) = &keeper {
            if let Some(remains) = opened.remains {
                go_on_after_crash(&mut service, remains);
            }
            service.survive_with(keeper);
        }
        if let Some(obstacle) = service.obstacle_to_survival().filter(|_| service.config.survive_crash) {
            let message = format!("The option surviveCrash has no effect: {obstacle}");
            watch.event(Event::Warning { code: CRASH, message });
        }
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let shutdown = CancellationToken::new();
        let parting = Arc::default();
        let runtime = build_runtime(service.config.threads).map_err(StartError::Runtime)?;
        let far_clients = cluster
            .clone()
            .map(|cluster| FarClients::new(hub.clone(), cluster, watch.clone(), runtime.handle().clone()));
        let thread =
            spawn(service, runtime, listeners, shutdown.clone(), Arc::clone(&parting)).map_err(StartError::Runtime)?;
        Ok(Self {
            hub,
            addresses,
            shutdown,
            parting,
            thread: Mutex::new(Some(thread)),
            keeper: Mutex::new(keeper),
            leaving: Mutex::default(),
            watch,
            certificates,
            cluster,
            far_clients,
        })
    }

    /// Stops: no more connections, locks are returned, outboxes are sent, peers are told 1001. Returns when the port is
    /// free. Blocks for `drainTimeout`, `flushTimeout` and a little more at most. A second call returns at once.
    pub fn stop(&self) {
        let keeper = self.keeper.lock().take();
        if let Some(keeper) = &keeper {
            keeper.dismiss();
        }
        self.finish(Parting::Close);
        if keeper.is_some_and(|keeper| !keeper.wait_until_gone()) {
            let message = "The keeper of the port does not answer: the port stays open until its process ends".into();
            self.watch.event(Event::Warning { code: port::KEEPER_WARNING, message });
        }
    }

    /// Stops as [`Server::stop`] does, but leaves the port to its keeper, if it has one, and with it the sessions of
    /// peers that may be back, and the connections that are no peer's: the server is coming back, in another process
    /// perhaps. Without a keeper it is a [`Server::stop`].
    pub fn leave(&self) {
        self.end_before_the_next(Parting::PassSessionsOn);
    }

    /// As [`Server::leave`], but the next server on this port goes on with the connections: clients see a pause, and
    /// nothing else. Those of TLS 1.2 are closed, and the next server knows their sessions when they are back. Without
    /// a keeper it is a [`Server::leave`]. Blocks for as long as [`Server::stop`] at most. A second call returns when
    /// the first has left all.
    pub fn hand_over(&self) {
        self.end_before_the_next(Parting::PassConnectionsOn);
    }

    fn end_before_the_next(&self, parting: Parting) {
        let _leaving = self.leaving.lock();
        let keeper = self.keeper.lock().take();
        let parting = if keeper.is_some() { parting } else { Parting::Close };
        if let Some(keeper) = &keeper {
            // Duplicates are in the way of whoever gives sockets away.
            keeper.end_holds();
        }
        if let (Some(inheritance), Some(keeper)) = (self.finish(parting), &keeper) {
            self.entrust(inheritance, keeper);
        }
        // Not earlier: the next server must not get the port while this one still has peers.
        if let Some(keeper) = keeper {
            keeper.release_holds();
        }
    }

    fn entrust(&self, inheritance: Inheritance, keeper: &Keeper) {
        let count = inheritance.1.len();
        let entrusted = heritage::to_legacy(inheritance).and_then(|legacy| Ok(keeper.hand_over(&legacy)?));
        if let Err(error) = entrusted {
            let message =
                format!("{count} connections could not be handed over to the next server, and close: {error}");
            self.watch.event(Event::Warning { code: HAND_OVER, message });
        }
    }

    fn finish(&self, parting: Parting) -> Option<Inheritance> {
        // The first to end it has said how.
        self.parting.get_or_init(|| parting);
        self.shutdown.cancel();
        let thread = self.thread.lock().take()?;
        // The thread catches its panics.
        thread.join().ok().flatten()
    }

    /// The hub, for questions and for messages of the server's owner.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The clients of a database that another hub has, or may have: those that this one relays, or holds until it is
    /// known which.
    pub fn relayed(&self, db: &str) -> Vec<Row> {
        self.cluster.as_ref().map(|cluster| cluster.relay.relayed.of(db)).unwrap_or_default()
    }

    /// Closes one client's connection; its session ends. Where another hub has its database, that hub is asked to, and
    /// this does not wait for it. `false`: it is not connected.
    pub fn close_client(&self, db: &str, id: &str) -> bool {
        self.hub.kick(db, id) || self.far_clients.as_ref().is_some_and(|far| far.close(db, id))
    }

    /// The process of a peer, where it is one of this machine that was found.
    pub fn process_of(&self, peer: &PeerSnapshot) -> Option<Process> {
        peer.remote.and_then(|remote| self.watch.process_at(remote))
    }

    /// How things stand at the moment, as JSON: what `/status.json` says of the server and its databases.
    pub fn standing_json(&self) -> String {
        self.watch.standing_json(&self.hub, self.shutdown.is_cancelled())
    }

    /// How things stand, as JSON.
    pub fn status_json(&self, question: &Question) -> String {
        self.watch.status_json(&self.hub, question, self.shutdown.is_cancelled())
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
    /// Who does not stop a server has not said that it will not come back: a thread that ends while it starts one.
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// Goes on where the former server has stopped, if what it has left can be used. Else its connections are closed, and
/// clients recover as from a crash.
fn inherit(service: &mut Service, legacy: Legacy) {
    let count = legacy.connections.len();
    let event = match heritage::from_legacy(legacy).and_then(|inheritance| Ok(service.inherit(inheritance)?)) {
        Ok(()) => {
            let message = format!("Goes on with {count} connections of the server that was here before");
            Event::Notice { code: HAND_OVER, message }
        }
        Err(error) => {
            let advice = "They are closed, and clients connect anew";
            let message = format!("{count} connections of the former server cannot be taken over: {error}. {advice}");
            Event::Warning { code: HAND_OVER, message }
        }
    };
    service.watch.event(event);
}

/// Goes on where a server was killed, as far as what remains of it can be used.
#[cfg(target_os = "linux")]
fn go_on_after_crash(service: &mut Service, remains: Remains) {
    let coordination = service.config.coordination.clone();
    let config = &service.config;
    let look = AssertUnwindSafe(|| survival::look_through(remains, config, || coordinators(&coordination)));
    let Ok(Found { inheritance, lost, errors }) = panic::catch_unwind(look) else {
        let message = "The connections of a server that was killed cannot be taken over: what it was in the middle of \
                       fails here, too. They are closed, and clients connect anew"
            .to_owned();
        return service.watch.event(Event::Warning { code: CRASH, message });
    };
    let count = inheritance.1.len();
    let advice = "They are closed, and clients connect anew";
    if let Err(error) = service.inherit(inheritance) {
        let message =
            format!("{count} connections of a server that was killed cannot be taken over: {error}. {advice}");
        return service.watch.event(Event::Warning { code: CRASH, message });
    }
    if count > 0 {
        let message = format!("Goes on with {count} connections of the server that was here before, and was killed");
        service.watch.event(Event::Notice { code: CRASH, message });
    }
    if lost > 0 {
        let reason =
            errors.first().map_or_else(|| "what they were in the middle of is not known".into(), ToString::to_string);
        let message =
            format!("{lost} connections of a server that was killed cannot be taken over: {reason}. {advice}");
        service.watch.event(Event::Warning { code: CRASH, message });
    }
}

/// Each database gets a coordinator of its own; none where everything that it does is switched off.
fn coordinators(config: &CoordinationConfig) -> Option<CoordinatorFactory> {
    let config = config.clone();
    let wall_clock = |_| clock::unix_millis();
    config.is_on().then(|| -> CoordinatorFactory {
        Box::new(move || Box::new(ClusterCoordinator::new(config.clone(), wall_clock)))
    })
}

/// Starts the thread of a server: it runs until `shutdown` is cancelled.
fn spawn(
    service: Service,
    runtime: Runtime,
    listeners: Vec<TcpListener>,
    shutdown: CancellationToken,
    parting: Arc<OnceLock<Parting>>,
) -> io::Result<JoinHandle<Option<Inheritance>>> {
    let watch = service.watch.clone();
    let body = move || {
        let run = || runtime.block_on(service.run_or_bequeath(listeners, shutdown, parting));
        // A panic of the main task must not pass without a word.
        let ended = panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let message = format!("The server failed and has stopped: {}", describe(&*panic));
            watch.event(Event::Failed { message });
            None
        });
        runtime.shutdown_background();
        ended
    };
    thread::Builder::new().name("acebase-ipc".into()).spawn(body)
}

fn build_runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        several => Builder::new_multi_thread().worker_threads(several).enable_all().build(),
    }
}
