//! A server's life: started, stopped, or left for the next one to take over. Has the thread that drives the runtime
//! from start to stop (named `acebase-ipc`) and the port; what is served on them is [`Service`]'s. Nothing here knows
//! Node.js.

mod accept;
pub mod config;
mod error;
mod housekeeping;
mod legacy;
mod listen;
mod memory;
mod port;
mod renewal;
mod service;
#[cfg(all(test, unix))]
mod tests;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread::{self, JoinHandle},
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

pub use error::StartError;
pub use service::Service;

use crate::{
    clock,
    coordination::{ClusterCoordinator, CoordinationConfig},
    guard::describe,
    hub::{
        CoordinatorFactory, Hub,
        event::{Event, Observer},
    },
    keeper::Keeper,
    observe::{Watch, report::Question},
    tls::{Certificates, TlsError},
};
use config::Config;

/// A running server.
pub struct Server {
    hub: Arc<Hub>,
    addresses: Vec<SocketAddr>,
    shutdown: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
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
        let coordinators = coordinators(&config.coordination);
        let service = Service::new(config, coordinators, observer)?;
        let (hub, watch, certificates) = (service.hub.clone(), service.watch.clone(), service.certificates.clone());
        let (listeners, keeper) = port::open(&service.config, watch.clone())?;
        let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        let shutdown = CancellationToken::new();
        let thread = spawn(service, listeners, shutdown.clone()).map_err(StartError::Runtime)?;
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
            self.watch.event(Event::Warning { code: port::KEEPER_WARNING, message });
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

/// Each database gets a coordinator of its own; none where everything that it does is switched off.
fn coordinators(config: &CoordinationConfig) -> Option<CoordinatorFactory> {
    let config = config.clone();
    let wall_clock = |_| clock::unix_millis();
    config.is_on().then(|| -> CoordinatorFactory {
        Box::new(move || Box::new(ClusterCoordinator::new(config.clone(), wall_clock)))
    })
}

/// Starts the thread of a server: it runs until `shutdown` is cancelled.
fn spawn(service: Service, listeners: Vec<TcpListener>, shutdown: CancellationToken) -> io::Result<JoinHandle<()>> {
    let runtime = build_runtime(service.config.threads)?;
    let watch = service.watch.clone();
    let body = move || {
        let run = || runtime.block_on(service.run(listeners, shutdown));
        // A panic of the main task must not pass without a word.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(run)) {
            let message = format!("The server failed and has stopped: {}", describe(&*panic));
            watch.event(Event::Failed { message });
        }
        runtime.shutdown_background();
    };
    thread::Builder::new().name("acebase-ipc".into()).spawn(body)
}

fn build_runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        0 | 1 => Builder::new_current_thread().enable_all().build(),
        several => Builder::new_multi_thread().worker_threads(several).enable_all().build(),
    }
}
