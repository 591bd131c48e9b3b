//! The end of a client's session, as the server's own owner wants it, at whichever hub it is.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::Semaphore, time::sleep};

use crate::{
    cluster::Cluster,
    http::relay,
    hub::{
        Hub,
        event::{Event, Observer},
    },
    observe::Watch,
    protocol::printable::printable,
};

/// Clients of other hubs that are being closed, or wait for that: as many as a hub may have.
const MAX_CLOSING: usize = 10_000;

/// How many of these at the same time: each takes a connection to another hub.
const AT_ONCE: usize = 16;

/// How often the hub of a client is asked that does not know it, and how long this waits in between.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// The code of what is told of a client that could not be closed.
const NOT_CLOSED: &str = "client-not-closed";

/// Closes clients of databases that other hubs have.
pub struct FarClients {
    hub: Arc<Hub>,
    cluster: Arc<Cluster>,
    watch: Arc<Watch>,
    /// Of the server: what it runs ends with it.
    runtime: Handle,
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl FarClients {
    pub fn new(hub: Arc<Hub>, cluster: Arc<Cluster>, watch: Arc<Watch>, runtime: Handle) -> Self {
        let (room, turns) = (Arc::new(Semaphore::new(MAX_CLOSING)), Arc::new(Semaphore::new(AT_ONCE)));
        Self { hub, cluster, watch, runtime, room, turns }
    }

    /// Has the hub that has the database close a client that this hub relays; does not wait for that. Where it is not
    /// done, that is told. `false`: there is no such client.
    pub fn close(&self, db: &str, id: &str) -> bool {
        let is_there = is_relayed(&self.cluster, db, id);
        if is_there {
            self.begin(db, id);
        }
        is_there
    }

    fn begin(&self, db: &str, id: &str) {
        let Ok(place) = self.room.clone().try_acquire_owned() else {
            return tell(&self.watch, db, id, "too many others wait for the same");
        };
        let (db, id, turns) = (db.to_owned(), id.to_owned(), self.turns.clone());
        let (hub, cluster, watch) = (self.hub.clone(), self.cluster.clone(), self.watch.clone());
        self.runtime.spawn(async move {
            let (_place, _turn) = (place, turns.acquire().await);
            if let Err(why) = close(&db, &id, &hub, &cluster).await {
                tell(&watch, &db, &id, &why);
            }
        });
    }
}

/// A client that waits for an owner may be on its way to the one that has just been found.
async fn close(db: &str, id: &str, hub: &Hub, cluster: &Arc<Cluster>) -> Result<(), String> {
    for _ in 0..ATTEMPTS {
        if relay::close_client(db, id, hub, cluster).await? || !is_relayed(cluster, db, id) {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
    Err("the hub that has the database does not know it".into())
}

/// Whether this hub relays such a client, or holds it until it is known where to.
fn is_relayed(cluster: &Cluster, db: &str, id: &str) -> bool {
    cluster.relay.relayed.of(db).iter().any(|client| &*client.id == id)
}

fn tell(watch: &Watch, db: &str, id: &str, why: &str) {
    let (db, id) = (printable(db), printable(id));
    let message = format!("Client {id} of database \"{db}\", which another hub has, could not be closed: {why}");
    watch.event(Event::Warning { code: NOT_CLOSED, message });
}
