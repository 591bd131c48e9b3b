//! The Node.js addon: converts configuration in, events out and errors across, and delegates all else to
//! [`crate::server`]. The only place that knows Node.js; it holds no logic of the server.
//!
//! Promises are settled, and events are handed over, on the JavaScript thread that started the server. Starting and
//! stopping block, so each gets a thread of its own for as long as it takes.

mod answers;
mod at_exit;
mod events;
mod failure;
pub mod json;
pub mod keeper;

use std::{
    cell::Cell,
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
};

use napi::{
    Env, Error, JsDeferred, Status,
    bindgen_prelude::{Function, Object, Result},
};
use napi_derive::napi;

use crate::{
    guard::describe,
    observe::report,
    server::{Server, config::Config},
};
use answers::{NativeAddress, NativeClient};
use events::{Mailbox, NativeEvent};
use failure::Failure;

/// Settles a promise with what it makes on the JavaScript thread.
type Settle<T> = Box<dyn FnOnce(Env) -> Result<T>>;

/// A promise that nobody looks at: Node.js does not exit while it is pending.
type KeepAlive = JsDeferred<(), fn(Env) -> Result<()>>;

/// How a server ends.
#[napi(string_enum = "camelCase")]
pub enum NativeEnd {
    /// See [`Server::stop`].
    Stop,
    /// See [`Server::leave`].
    Leave,
    /// See [`Server::hand_over`].
    HandOver,
}

/// A running server. Made by [`NativeServer::start`] only.
#[napi]
pub struct NativeServer {
    server: Arc<Server>,
    mailbox: Arc<Mailbox>,
    /// Until the server is told to stop.
    keep_alive: Cell<Option<KeepAlive>>,
}

#[napi]
impl NativeServer {
    /// Starts a server. `options`: a JSON object, see `crate::server::config`. `wanted`: the names of the optional
    /// events that somebody listens for. `on_events` gets the events in batches. Resolves when the server listens;
    /// rejects with an `Error` that has a `code`. JavaScript has checked the options already: that they cannot be
    /// read is a defect there, and thrown.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeServer>")]
    pub fn start<'env>(
        env: &'env Env,
        options: String,
        wanted: Vec<String>,
        on_events: Function<'_, Vec<NativeEvent>, ()>,
    ) -> Result<Object<'env>> {
        let config = Config::from_json(&options).map_err(|error| Error::new(Status::InvalidArg, error.to_string()))?;
        let mailbox = Mailbox::new(&on_events, &wanted)?;
        let (deferred, promise) = env.create_deferred::<Self, Settle<Self>>()?;
        in_background("acebase-ipc-start", deferred, move || {
            let server = Server::start(config, mailbox.clone())?;
            Ok(move |env| Self::tie(server, mailbox, env))
        })?;
        Ok(promise)
    }

    /// From here on the environment lives as long as the server, and the server no longer than the environment.
    fn tie(server: Server, mailbox: Arc<Mailbox>, env: Env) -> Result<Self> {
        let server = Arc::new(server);
        let (keep_alive, _) = env.create_deferred()?;
        at_exit::tie(env, server.clone())?;
        Ok(Self { server, mailbox, keep_alive: Cell::new(Some(keep_alive)) })
    }

    /// Ends the server in one of its ways. Resolves when that is done; from then on nothing keeps the process alive.
    /// The last events may still be waiting: see [`NativeServer::take_last_events`].
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn end<'env>(&self, env: &'env Env, way: NativeEnd) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<(), Settle<()>>()?;
        let server = self.server.clone();
        let keep_alive = self.keep_alive.take();
        at_exit::untie(&server);
        in_background("acebase-ipc-stop", deferred, move || {
            match way {
                NativeEnd::Stop => server.stop(),
                NativeEnd::Leave => server.leave(),
                NativeEnd::HandOver => server.hand_over(),
            }
            if let Some(keep_alive) = keep_alive {
                keep_alive.resolve(|_| Ok(()));
            }
            Ok(|_| Ok(()))
        })?;
        Ok(promise)
    }

    /// Hands over at once: the process is about to end. Blocks for a second and a half at most.
    #[napi(catch_unwind)]
    pub fn hand_over_now(&self) {
        at_exit::untie(&self.server);
        self.server.hand_over();
    }

    /// All events that have not been handed over yet. None are afterwards: for a server that has stopped.
    #[napi(catch_unwind)]
    pub fn take_last_events(&self) -> Vec<NativeEvent> {
        self.mailbox.close()
    }

    /// Says anew which of the optional events are wanted.
    #[napi(catch_unwind)]
    pub fn set_wanted(&self, wanted: Vec<String>) {
        let wants_messages = self.mailbox.set_wanted(&wanted);
        self.server.hub().want_messages(wants_messages);
    }

    /// The port that it listens on.
    #[napi(catch_unwind)]
    pub fn port(&self) -> u32 {
        self.server.port().into()
    }

    /// The addresses that it listens on.
    #[napi(catch_unwind)]
    pub fn addresses(&self) -> Vec<NativeAddress> {
        self.server.addresses().iter().map(NativeAddress::from).collect()
    }

    /// The clients of a database, those included that are relayed to another hub.
    #[napi(catch_unwind)]
    pub fn clients(&self, db: String) -> Vec<NativeClient> {
        let (own, relayed) = (self.server.hub().clients(&db), self.server.relayed(&db));
        let own = own.iter().map(|peer| NativeClient::new(peer, self.server.process_of(peer)));
        own.chain(relayed.iter().map(NativeClient::relayed)).collect()
    }

    /// Sends a text to one client. `false`: it is not connected.
    #[napi(catch_unwind)]
    pub fn send(&self, db: String, id: String, text: String) -> bool {
        self.server.hub().send(&db, &id, text.into())
    }

    /// Closes one client's connection, or has its hub close it. `false`: it is not connected.
    #[napi(catch_unwind)]
    pub fn close_client(&self, db: String, id: String) -> bool {
        self.server.close_client(&db, &id)
    }

    /// Reads the certificates' files anew. Rejects where they are bad; then the old ones stay in use.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn reload_certificates<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<(), Settle<()>>()?;
        let server = self.server.clone();
        in_background("acebase-ipc-reload", deferred, move || {
            server.reload_certificates()?;
            Ok(|_| Ok(()))
        })?;
        Ok(promise)
    }

    /// Switches `trace` events on or off for what one client sends and gets, or for a whole database.
    #[napi(catch_unwind)]
    pub fn trace(&self, db: String, client: Option<String>, on: bool) {
        self.server.hub().trace(&db, client.as_deref(), on);
    }

    /// The lock table of a database, as JSON.
    #[napi(catch_unwind)]
    pub fn locks(&self, db: String) -> String {
        report::locks_json(self.server.hub(), &db)
    }

    /// What the server is doing, as JSON.
    #[napi(catch_unwind)]
    pub fn status(&self) -> String {
        self.server.standing_json()
    }
}

/// Does blocking work on a thread of its own and settles a promise with its outcome. A panic becomes a rejection.
fn in_background<T, S>(
    name: &str,
    deferred: JsDeferred<T, Settle<T>>,
    work: impl FnOnce() -> std::result::Result<S, Failure> + Send + 'static,
) -> io::Result<()>
where
    T: napi::bindgen_prelude::ToNapiValue + 'static,
    S: FnOnce(Env) -> Result<T> + 'static,
{
    let body = move || {
        let outcome = panic::catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|panic| Err(Failure::internal(describe(&*panic))));
        deferred.resolve(match outcome {
            Ok(settle) => Box::new(settle),
            Err(failure) => Box::new(move |env| Err(failure.into_js(env))),
        });
    };
    thread::Builder::new().name(name.into()).spawn(body).map(drop)
}
