//! All sessions of a server: each runs as a task of its own, until it ends or is parked.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Session, parked::Parked};
use crate::{
    guard::guard,
    hub::{Hub, event::Observer},
};

/// All sessions of a server.
pub struct Sessions {
    observer: Arc<dyn Observer>,
    tasks: TaskTracker,
    parked: Mutex<Vec<Parked>>,
}

impl Sessions {
    /// None yet. `observer` is told of those that fail.
    pub fn new(observer: Arc<dyn Observer>) -> Arc<Self> {
        Arc::new(Self { observer, tasks: TaskTracker::new(), parked: Mutex::default() })
    }

    /// Begins to serve a session. Within the runtime.
    pub fn spawn(self: &Arc<Self>, session: Session) {
        let sessions = self.clone();
        let serve = async move {
            if let Some(parked) = session.serve().await {
                sessions.parked.lock().push(parked);
            }
        };
        self.tasks.spawn(guard(self.observer.clone(), "session", serve));
    }

    /// Waits until all have ended. No more may begin.
    pub async fn wait(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Parks all sessions of a hub, as far as they stop within the time. No more may begin.
    pub async fn park(&self, hub: &Hub, limit: Duration) -> Vec<Parked> {
        hub.park();
        let _ = timeout(limit, self.wait()).await;
        std::mem::take(&mut *self.parked.lock())
    }
}
