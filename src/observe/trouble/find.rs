//! What counts as trouble: rules over figures, in the order in which one explains the next. Pure.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Thresholds,
    turned_away::Rejection,
    words::{bytes, counted, duration, its_process, shortened, who},
};
use crate::{
    acebase::{Fill, Gravity, Lock, LockState, MasterState, Process, Strain, Trouble, TroubleKind, Who},
    clock::Millis,
    hub::{DatabaseFigures, PeerSnapshot},
};

/// How long there may be no master, in milliseconds, where no request waits for one: processes start in any order.
const NO_MASTER_MS: u64 = 5_000;

/// Which part of a bound is near it. One client alone gets half of all at most, so that less than half must do.
const NEAR_BOUND: f64 = 0.4;

/// Which part of a peer's queue is much, whatever the time.
const MUCH_QUEUED: f64 = 0.25;

/// Bytes that wait for a peer and are no sign of slowness, however long some do: what one large message takes.
const FEW_BYTES: usize = 64 * 1024;

/// How long a peer gives no sign of life until it is said that it stands still, in milliseconds: it is asked once a
/// second.
const STANDS_STILL_MS: u64 = 4_000;

/// How long a fault counts, in milliseconds.
const FAULT_MS: u64 = 60_000;

/// A part of the server failed.
#[derive(Debug, Clone)]
pub struct Fault {
    pub at: Millis,
    pub message: String,
}

/// All that the rules look at.
pub struct Scene<'a> {
    /// On the hub's clock.
    pub now: Millis,
    /// The same on the clock of whoever has seen refusals and faults.
    pub own_now: Millis,
    /// The time of day, in milliseconds since the Unix epoch.
    pub unix: u64,
    pub databases: &'a [DatabaseFigures],
    pub turned_away: &'a [Rejection],
    pub fault: Option<&'a Fault>,
    /// The server took the place of one that has ended without leaving anything, at this time.
    pub restarted: Option<Millis>,
    pub is_stopping: bool,
    /// The database that was asked for: it must have a master.
    pub asked: Option<&'a str>,
    /// Bytes that may wait for one peer.
    pub max_queue: usize,
    /// How long after the end of its holder a lock is released, in milliseconds; 0: never.
    pub release_locks_after: u64,
    /// The process behind an address.
    pub process_at: &'a dyn Fn(SocketAddr) -> Option<Process>,
}

/// What is wrong, that first which stops most and explains the rest.
pub fn find(scene: &Scene<'_>, thresholds: &Thresholds) -> Vec<Trouble> {
    let mut found = of_server(scene);
    for database in scene.databases {
        found.extend(Finder { scene, thresholds, database, strain: &database.strain }.all());
    }
    found.extend(scene.turned_away.iter().map(|rejection| turned_away(rejection, scene)));
    found.sort_by(|a, b| {
        let rank =
            |trouble: &Trouble| (std::cmp::Reverse(trouble.gravity), trouble.kind, std::cmp::Reverse(trouble.age));
        rank(a).cmp(&rank(b)).then_with(|| a.db.cmp(&b.db))
    });
    found
}

fn trouble(kind: TroubleKind, gravity: Gravity, age: u64, text: String, advice: impl Into<String>) -> Trouble {
    Trouble { kind, gravity, db: None, who: None, subject: String::new(), age, text, advice: advice.into() }
}

fn of_server(scene: &Scene<'_>) -> Vec<Trouble> {
    let fault =
        scene.fault.map(|fault| (fault, scene.own_now.saturating_sub(fault.at))).filter(|(_, age)| *age < FAULT_MS);
    let fault = fault.map(|(fault, age)| {
        let text = format!("A part of the server failed {} ago: {}", duration(age), fault.message);
        let advice = "The rest goes on. Look into the log, and report it: this is a mistake of the server";
        trouble(TroubleKind::ServerFault, Gravity::Hindrance, age, text, advice)
    });
    let stopping = scene.is_stopping.then(|| {
        let text = "The server is stopping".to_owned();
        trouble(TroubleKind::Stopping, Gravity::Hindrance, 0, text, "Wait for the next one, or start it")
    });
    let no_client = scene.asked.filter(|_| scene.databases.is_empty()).map(|db| {
        let text = format!("No client of database {} is connected", shortened(db));
        let advice = "Compare its name, the port and the host with those that the processes use: AceBase's mydb is \
                      mydb_data here";
        let found = trouble(TroubleKind::NoClient, Gravity::Standstill, 0, text, advice);
        Trouble { db: Some(db.into()), ..found }
    });
    let restarted = scene.restarted.map(|at| scene.own_now.saturating_sub(at)).filter(|age| *age < FAULT_MS).map(|age| {
        let text = format!(
            "The server was restarted {} ago, and the one before it has left nothing: it was killed or has crashed",
            duration(age)
        );
        let advice = "Requests that were on their way then are lost: restart processes whose write or read does not \
                      return";
        trouble(TroubleKind::Restarted, Gravity::Notice, age, text, advice)
    });
    [fault, stopping, no_client, restarted].into_iter().flatten().collect()
}

/// Looks at one database.
struct Finder<'a> {
    scene: &'a Scene<'a>,
    thresholds: &'a Thresholds,
    database: &'a DatabaseFigures,
    strain: &'a Strain,
}

impl Finder<'_> {
    fn all(&self) -> Vec<Trouble> {
        let (absent, silent) = (self.no_master(), self.master_silent());
        let master_first = absent.as_ref().or(silent.as_ref()).is_some_and(|it| it.gravity == Gravity::Standstill);
        let held = self.lock_held(master_first);
        let awaited = if silent.is_none() && held.is_none() { self.lock_awaited() } else { None };
        let all = [absent, silent, held, awaited, self.requests_full(), self.slow_client()];
        all.into_iter().flatten().map(|found| Trouble { db: Some(self.database.name.clone()), ..found }).collect()
    }

    fn age(&self, since: Millis) -> u64 {
        self.scene.now.saturating_sub(since)
    }

    fn who(&self, peer: &PeerSnapshot) -> Who {
        let process = peer.remote.and_then(self.scene.process_at);
        Who { id: Some(peer.id.clone()), remote: peer.remote, process }
    }

    /// A peer of which no more may be known than its id.
    fn peer(&self, id: &str, peer: Option<&PeerSnapshot>) -> Who {
        peer.map_or_else(|| Who { id: Some(id.into()), ..Who::default() }, |peer| self.who(peer))
    }

    fn no_master(&self) -> Option<Trouble> {
        let (held, age) = (self.database.status.held_requests, self.age(self.strain.master_since));
        let is_asked = self.scene.asked.is_some();
        let is_needed = held > 0 || is_asked || self.strain.any_acebase && age >= NO_MASTER_MS;
        let state = match self.strain.master {
            MasterState::Present => return None,
            MasterState::Returning => "A master has connected, and has not shown which process it is",
            MasterState::Leaving => "The master has said goodbye, and has taken no requests",
            MasterState::Away => "The connection of the master has been lost",
            MasterState::Absent => "There has been no master",
        };
        if !is_needed {
            return None;
        }
        let waiting = match held {
            0 => String::new(),
            1 => ", and 1 request waits for one".to_owned(),
            held => format!(", and {held} requests wait for one"),
        };
        // Nobody of AceBase has been there yet, who could say since when.
        let is_known = self.strain.master_since > 0;
        let what = if is_known { format!("{state} for {}", duration(age)) } else { "There is no master".to_owned() };
        let gravity = if held > 0 { Gravity::Standstill } else { Gravity::Hindrance };
        let advice = "Start the process with the role \"master\"; if it has ended, its log says why. Requests that have \
                      waited for masterTimeout fail";
        Some(trouble(TroubleKind::NoMaster, gravity, age, what + &waiting, advice))
    }

    /// It has requests, was asked for a sign of life, and has given none.
    fn master_silent(&self) -> Option<Trouble> {
        let limit = self.thresholds.slow_master;
        let (master, oldest) = (self.database.master.as_ref()?, self.strain.oldest_request?);
        let owed = self.database.status.delivered_requests;
        let age = self.age(master.heard.max(oldest));
        if self.strain.master != MasterState::Present || owed == 0 || limit == 0 || age < limit {
            return None;
        }
        let who_it_is = self.who(master);
        let text = format!(
            "The master has answered nothing for {}, and {} with it: {}",
            duration(age),
            if owed == 1 { "1 request is".to_owned() } else { format!("{owed} requests are") },
            who(&who_it_is)
        );
        let process = its_process(Some(&who_it_is));
        let advice = format!(
            "Look at {process}: it stands still. It was stopped (kill -STOP; kill -CONT lets it go on), is in a debugger \
             or a long synchronous loop, or waits for a disk. If you end it, the next master gets its requests"
        );
        let found = trouble(TroubleKind::MasterSilent, Gravity::Standstill, age, text, advice);
        Some(Trouble { who: Some(who_it_is), ..found })
    }

    /// One client has a lock for long that others wait for. `master_first`: the master does not work, and the holder
    /// may be waiting for it.
    fn lock_held(&self, master_first: bool) -> Option<Trouble> {
        let limit = self.thresholds.slow_lock;
        let (hold, wait) = (self.strain.blocker.as_ref()?, self.strain.oldest_wait.as_ref()?);
        let (age, waited) = (self.age(hold.granted), self.age(wait.since));
        if limit == 0 || age < limit {
            return None;
        }
        let lock = &hold.lock;
        let holder = self.database.holder.as_ref();
        let who_it_is = self.peer(&lock.peer, holder);
        let waiting = self.database.status.waiting_locks;
        let text = format!(
            "A {} has been held for {} by {}, and {} for it, the longest for {}",
            lock_words(lock),
            duration(age),
            who(&who_it_is),
            if waiting == 1 { "1 waits".to_owned() } else { format!("{waiting} wait") },
            duration(waited)
        );
        let advice = self.advice_on_hold(lock, holder, &who_it_is);
        let advice =
            if master_first { format!("See to the master first: this may wait for it. {advice}") } else { advice };
        let found = trouble(TroubleKind::LockHeld, Gravity::Standstill, age, text, advice);
        let subject = format!("{} {:?} {}", lock.peer, lock.id, hold.granted);
        Some(Trouble { who: Some(who_it_is), subject, ..found })
    }

    fn advice_on_hold(&self, lock: &Lock, holder: Option<&PeerSnapshot>, who: &Who) -> String {
        let expiry = lock.expires.and_then(|at| at.checked_sub(self.scene.unix)).filter(|left| *left > 0);
        let expiry = expiry.map(|left| format!(". It expires in {}", duration(left))).unwrap_or_default();
        let process = its_process(Some(who));
        let of_former = if lock.state == LockState::Fenced { "A former master granted it. " } else { "" };
        let released = match self.scene.release_locks_after {
            0 => "expires by itself after".to_owned(),
            time => format!("is released {} after", duration(time)),
        };
        let what = match holder {
            None => format!("Its process is gone: the lock {released} its end"),
            Some(peer) if peer.is_away => {
                format!("Its connection is lost: if it does not come back, the lock {released} that")
            }
            Some(peer) if self.age(peer.heard) >= STANDS_STILL_MS => format!(
                "It has given no sign of life for {}: {process} stands still (stopped, in a debugger, in a loop). End \
                 it: the lock {released} its end",
                duration(self.age(peer.heard))
            ),
            Some(_) => format!(
                "Look what {process} does: its transaction goes on, or never ends. If you end it, the lock {released} \
                 its end"
            ),
        };
        format!("{of_former}{what}{expiry}")
    }

    /// Nobody that the hub sees is in its way, or none of them for long.
    fn lock_awaited(&self) -> Option<Trouble> {
        let limit = self.thresholds.slow_lock;
        let wait = self.strain.oldest_wait.as_ref()?;
        let age = self.age(wait.since);
        if self.strain.master != MasterState::Present || limit == 0 || age < limit {
            return None;
        }
        let who_it_is = self.peer(&wait.peer, self.database.waiter.as_ref());
        let others = match self.database.status.waiting_locks.saturating_sub(1) {
            0 => String::new(),
            1 => ", and 1 more waits".to_owned(),
            more => format!(", and {more} more wait"),
        };
        let text =
            format!("A {} has been awaited for {} by {}{others}", lock_words(wait), duration(age), who(&who_it_is));
        let advice = self.strain.blocker.as_ref().map_or_else(
            || self.advice_on_master(),
            |hold| {
                let holder = self.peer(&hold.lock.peer, self.database.holder.as_ref());
                format!(
                    "Nobody has a lock for long: they are granted one after the other, {} ago to {}. If this goes on, more \
                     is written than there is time for: write less at once, or several values in one update",
                    duration(self.age(hold.granted)),
                    who(&holder)
                )
            },
        );
        let found = trouble(TroubleKind::LockAwaited, Gravity::Standstill, age, text, advice);
        let subject = format!("{} {}", wait.peer, wait.since);
        Some(Trouble { who: Some(who_it_is), subject, ..found })
    }

    fn advice_on_master(&self) -> String {
        let master = self.database.master.as_ref().map(|peer| self.who(peer));
        format!(
            "No client holds a lock in its way, so that the master holds one of its own, or has not come to it. Look at \
             the master: {}",
            master.as_ref().map(who).unwrap_or_default()
        )
    }

    fn requests_full(&self) -> Option<Trouble> {
        let Fill { count, max_count, bytes: size, max_bytes } = self.strain.fill;
        let near = |part: usize, whole: usize| whole > 0 && part as f64 >= NEAR_BOUND * whole as f64;
        if !near(count, max_count) && !near(size, max_bytes) {
            return None;
        }
        let age = self.strain.oldest_request.map_or(0, |since| self.age(since));
        let text = format!(
            "Requests and locks are near their bound: {count} of {max_count}, {} of {}",
            bytes(size),
            bytes(max_bytes)
        );
        let advice = "Look why the master does not answer them. If it does, raise maxRequests or maxRequestBytes: a \
                      client that has as many as are still free is refused more";
        Some(trouble(TroubleKind::RequestsFull, Gravity::Hindrance, age, text, advice))
    }

    fn slow_client(&self) -> Option<Trouble> {
        let limit = self.thresholds.slow_client;
        let (peer, since) = self.database.slowest.as_ref()?;
        let age = self.age(*since);
        let is_much = peer.queued as f64 >= MUCH_QUEUED * self.scene.max_queue as f64;
        if peer.is_away || limit == 0 || !is_much && (age < limit || peer.queued < FEW_BYTES) {
            return None;
        }
        let who_it_is = self.who(peer);
        let text = format!(
            "{} does not take its messages: {} wait for it, some for {}",
            who(&who_it_is),
            bytes(peer.queued),
            duration(age)
        );
        let advice = format!(
            "Look at {}: it stands still, or its network is slow. At maxQueue ({}) it is disconnected",
            its_process(Some(&who_it_is)),
            bytes(self.scene.max_queue)
        );
        let found = trouble(TroubleKind::SlowClient, Gravity::Hindrance, age, text, advice);
        Some(Trouble { subject: peer.id.to_string(), who: Some(who_it_is), ..found })
    }
}

/// `write lock on /shop/stock ("transaction")`.
fn lock_words(lock: &Lock) -> String {
    let comment = if lock.comment.is_empty() { String::new() } else { format!(" (\"{}\")", shortened(&lock.comment)) };
    format!("{} lock on /{}{comment}", if lock.write { "write" } else { "read" }, shortened(&lock.path))
}

fn turned_away(rejection: &Rejection, scene: &Scene<'_>) -> Trouble {
    let Rejection { kind, db, remote, count, first, last, message } = rejection;
    let process = remote.and_then(scene.process_at);
    let who_it_was = remote.map(|remote| Who { id: None, remote: Some(remote), process });
    let name: Arc<str> = db.clone().unwrap_or_default();
    let times = format!(
        "{}, the last one {} ago{}",
        counted(*count as usize, "time"),
        duration(scene.own_now.saturating_sub(*last)),
        who_it_was.as_ref().map(|whom| format!(" from {}", who(whom))).unwrap_or_default()
    );
    let (text, advice) = match kind {
        TroubleKind::TokenMissing => (
            format!("Clients of {name} that send no token are refused: {times}"),
            "Set `token` in the `ipc` settings of that process",
        ),
        TroubleKind::TokenWrong => (
            format!("Clients of {name} that send a wrong token are refused: {times}"),
            "Compare `token` in the `ipc` settings of that process with the server's",
        ),
        TroubleKind::Unlisted => (
            format!("Clients of {name} are refused, for no token opens that database: {times}"),
            "Name it in `databaseTokens`, give the server a `token`, or correct the name in that process",
        ),
        TroubleKind::SecondMaster => (
            format!("A second process wants to be the master of {name}, and is refused: {times}"),
            "Two masters damage the files. Give that process the role \"worker\", or stop the other master first",
        ),
        _ => (
            format!("{}: {times}", message.as_deref().unwrap_or_default()),
            "Set `ssl` in the `ipc` settings of that process as it is for the server",
        ),
    };
    let age = scene.own_now.saturating_sub(*first);
    let found = trouble(*kind, Gravity::Hindrance, age, text, advice);
    Trouble { db: db.clone(), who: who_it_was, ..found }
}

#[cfg(test)]
mod tests;
