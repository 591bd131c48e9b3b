//! Ends servers with their JavaScript environment: when a worker thread ends, or a program with nothing left to do.
//! Where the main thread calls `process.exit()`, Node.js calls no such hook, but those of JavaScript
//! (`lib/server/exit.js`).
//!
//! There is one cleanup hook for all servers of an environment, which stays: what a hook was given is never freed when
//! the hook is removed, and would be a whole server each time that one stops.

use std::{cell::RefCell, sync::Arc};

use napi::{Env, bindgen_prelude::Result};

use crate::server::Server;

thread_local! {
    /// The running servers of this thread's environment; `None` until it has its cleanup hook.
    static RUNNING: RefCell<Option<Vec<Arc<Server>>>> = const { RefCell::new(None) };
}

/// From here on the server lives no longer than the environment. Its port and its connections are left to the keeper
/// then, for nobody has said that the server will not come back.
///
/// # Errors
/// The environment is ending already.
pub(super) fn tie(env: Env, server: Arc<Server>) -> Result<()> {
    RUNNING.with_borrow_mut(|running| {
        if running.is_none() {
            env.add_env_cleanup_hook((), |()| end_all())?;
        }
        running.get_or_insert_default().push(server);
        Ok(())
    })
}

/// The server has been told to stop. To be called where [`tie`] was: on the thread of the environment.
pub(super) fn untie(server: &Arc<Server>) {
    RUNNING.with_borrow_mut(|running| {
        if let Some(running) = running {
            running.retain(|other| !Arc::ptr_eq(other, server));
        }
    });
}

fn end_all() {
    for server in RUNNING.take().into_iter().flatten() {
        server.hand_over();
    }
}
