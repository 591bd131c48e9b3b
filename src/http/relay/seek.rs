//! The search for the hub that takes a client in. Asks as `course` says.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Response;
use tokio::{sync::watch, time::timeout};

use super::{
    super::{
        Context,
        waiting::{self, Entrance},
    },
    calls::{self, Call, Called, Missed, Through},
};
use crate::{
    cluster::{
        Cluster, Owner, Whereabouts,
        relay::course::{self, Miss, Next, Search},
    },
    hub::{Refused, event::Event},
};

/// How long the registry is waited for at a time.
const FIND: Duration = Duration::from_secs(5);

/// What the server's owner is told of hubs that cannot be reached, or do not know this one.
const HUB_UNREACHABLE: &str = "hub-unreachable";
const HUB_DISOWNED: &str = "hub-credentials";

/// Where the search for an owner has led.
pub(super) enum Reached {
    /// This hub has the database.
    Here(Entrance),
    /// This hub has it, and does not let the client in.
    TurnedAway(Refused),
    /// That hub has it, and has taken the client in.
    Attached(Box<Attached>),
    /// The hub that has it has not.
    Refused(Response<Bytes>),
}

/// A connection that is open through to its database's owner.
pub(super) struct Attached {
    pub(super) owner: Owner,
    pub(super) through: Through,
    /// Where the database is.
    pub(super) watch: watch::Receiver<Whereabouts>,
}

/// A search that goes on while its client waits.
pub(super) type Seeking = Pin<Box<dyn Future<Output = Reached> + Send>>;

/// Looks for whoever takes the client in, until somebody does or refuses it.
pub(super) async fn seek(db: String, id: String, call: Call, cluster: Arc<Cluster>, context: Arc<Context>) -> Reached {
    let mut search = Search::default();
    let mut next = Next::Find;
    loop {
        next = match next {
            Next::Find => search.located(cluster.registry.find(&db, FIND).await),
            Next::Pause(pause) => {
                // It may be known sooner.
                let _ = timeout(pause, cluster.registry.watch(&db).changed()).await;
                Next::Find
            }
            Next::Enter => {
                return match waiting::enter(&db, &id, &context).await {
                    Ok(entrance) => Reached::Here(entrance),
                    Err(refused) => Reached::TurnedAway(refused),
                };
            }
            Next::Open(owner) => match open(&db, &call, owner, &cluster, &context).await {
                Ok(reached) => return reached,
                Err(miss) => search.missed(miss),
            },
        };
    }
}

/// Asks an owner to take the client in, as long as it is the owner.
async fn open(db: &str, call: &Call, owner: Owner, cluster: &Cluster, context: &Context) -> Result<Reached, Miss> {
    let mut watch = cluster.registry.watch(db);
    let called = tokio::select! {
        called = calls::open(call, &owner, cluster) => called,
        () = moved(&mut watch, &owner) => return Err(Miss::NotOwner),
    };
    match called {
        Called::Through(through) => Ok(Reached::Attached(Box::new(Attached { owner, through, watch }))),
        Called::Refused(answer) => Ok(Reached::Refused(answer)),
        Called::Missed(miss, why) => {
            if miss != Miss::Busy {
                cluster.registry.doubt(db, &owner);
            }
            tell_missed(&owner, why, context);
            Err(miss)
        }
    }
}

/// Waits until the database is no longer there.
pub(super) async fn moved(watch: &mut watch::Receiver<Whereabouts>, owner: &Owner) {
    // An error: the registry is gone, and with it whoever could tell.
    let _ = watch.wait_for(|at| course::has_moved(owner, at)).await;
}

fn tell_missed(owner: &Owner, why: Missed, context: &Context) {
    let (code, message) = match why {
        Missed::Quietly => return,
        Missed::Disowned(words) => {
            let advice = "All hubs of a cluster need the same cluster.secret, and clocks that agree to half a minute";
            (HUB_DISOWNED, format!("The hub {} at {} refuses this one: {words}. {advice}", owner.name, owner.address))
        }
        Missed::Unreached(error) => {
            let advice = "Is cluster.advertise what other machines reach it by?";
            (HUB_UNREACHABLE, format!("The hub {} at {} was not reached: {error}. {advice}", owner.name, owner.address))
        }
    };
    context.watch.event_of_stranger(None, Event::Warning { code, message });
}
