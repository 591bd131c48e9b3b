//! A database goes to another hub with all that this one has in mind of it, so that its clients go on there where they
//! stopped here.
//!
//! A hub is found that takes it; what is under way comes to its end; its connections are closed, and their sessions
//! sent there. That hub takes the database at the engine, in one step, which fails where this one does not hold it any
//! more. So there is one owner at any time, whatever is lost on the way; and what was sent is used by the next owner,
//! or by nobody.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{Empty, Full};
use hyper::{Method, StatusCode};
use tokio::time::{Instant, sleep};

use super::{
    super::inside::{ESTATE_PATH, HEIR_PATH, MAX_ESTATE},
    calls,
};
use crate::{
    cluster::{Cluster, EngineState, Member, Owner, Whereabouts, estate::Estate, owner::Lease},
    hub::{
        FrozenHub, Hub,
        event::{Event, Observer},
    },
    protocol::close::CloseReason,
    session::LINGER,
};

/// The codes of what is told of databases that go to another hub in order.
const HANDED_OVER: &str = "database-handed-over";
const NOT_HANDED_OVER: &str = "database-not-handed-over";

/// How long other hubs may take to say whether they take a database: who is slower than this is not well.
const HEIR_LIMIT: Duration = Duration::from_millis(300);

/// How long all of them together may take to take it: less than what hubs' clocks may be apart, and than a lease is.
const GIVE_LIMIT: Duration = Duration::from_millis(1_500);

/// How long it may take until it is known who has the database.
const FIND: Duration = Duration::from_secs(1);

/// How often it is looked whether all is quiet, and whether all have gone: rarely enough to cost nothing, often enough
/// that nobody notices.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Bytes of an answer of a few words.
const MAX_WORDS: usize = 1024;

/// What becomes of a database that no other hub has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// This hub goes on with it.
    TakesItBack,
    /// It is anybody's, and begins anew.
    LetsGo,
}

/// How a database is left.
pub struct Manner {
    /// What its clients are told.
    pub why: CloseReason,
    /// How long what is under way may take; zero: it has had its time.
    pub drain: Duration,
    /// How long clients may take to read what they are owed.
    pub flush: Duration,
    pub otherwise: Otherwise,
}

/// Why a database was not left to another hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    /// Another hub has it.
    #[error("the hub {} at {} has the database", .0.name, .0.address)]
    At(Owner),
    /// Nobody has.
    #[error("no hub is known to have the database, or it is being handed over already")]
    Nobodys,
    /// There is no other hub.
    #[error("there is no other hub")]
    Alone,
    /// No other hub is called so.
    #[error("no other hub is called {wanted:?}; there are {known}")]
    Unknown { wanted: String, known: String },
    /// Those that there are do not want it.
    #[error("no other hub answers that it takes it")]
    NobodyAnswers,
    /// This hub cannot know what the others do.
    #[error("the engine of the cluster does not answer")]
    EngineDown,
    /// Sessions are gone.
    #[error("no other hub has taken the database: {why}. {}", outcome(*.is_back))]
    Failed { why: String, is_back: bool },
}

fn outcome(is_back: bool) -> &'static str {
    if is_back { "This hub goes on with it" } else { "Whoever is asked for it next has it, and begins anew" }
}

/// Leaves a database to another hub; `to`: to the one of this name. Gives the next owner. It must not be dropped before
/// it is done.
///
/// # Errors
/// See [`NotPassed`].
pub async fn pass(
    db: &str,
    to: Option<&str>,
    manner: &Manner,
    hub: &Hub,
    cluster: &Cluster,
    observer: &dyn Observer,
) -> Result<Owner, NotPassed> {
    let passed = pass_quietly(db, to, manner, hub, cluster).await;
    match &passed {
        Ok(Owner { name, address, epoch }) => {
            let message = format!(
                "Database \"{db}\" is the hub {name}'s at {address} from now on (epoch {epoch}), with what this one \
                 had in memory. Clients connect anew"
            );
            observer.event(Event::Notice { code: HANDED_OVER, message });
        }
        Err(NotPassed::Failed { .. }) => {
            let message = passed.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let message = format!("Database \"{db}\" was not handed over: {message}. Clients connect anew");
            observer.event(Event::Warning { code: NOT_HANDED_OVER, message });
        }
        // Nothing has happened.
        Err(_) => {}
    }
    passed
}

async fn pass_quietly(
    db: &str,
    to: Option<&str>,
    manner: &Manner,
    hub: &Hub,
    cluster: &Cluster,
) -> Result<Owner, NotPassed> {
    match cluster.registry.find(db, FIND).await {
        Whereabouts::Here { .. } => {}
        Whereabouts::At(owner) => return Err(NotPassed::At(owner)),
        Whereabouts::Nobody(_) => return Err(NotPassed::Nobodys),
    }
    let heirs = find_heirs(db, to, cluster).await?;
    come_to_rest(db, manner.drain, hub).await;
    let epoch = cluster.registry.part_with(db).await.ok_or(NotPassed::Nobodys)?;
    let lease: Lease = (db.into(), epoch);
    let frozen = take_out(db, manner, hub).await;
    match give(&lease, &frozen, heirs, cluster).await {
        Ok(owner) => {
            cluster.registry.has_given(lease, owner.clone());
            Ok(owner)
        }
        Err(why) => {
            let is_back = manner.otherwise == Otherwise::TakesItBack && take_back(&lease, frozen, cluster).await;
            if !is_back {
                cluster.registry.give_up(lease);
            }
            Err(NotPassed::Failed { why, is_back })
        }
    }
}

/// Other hubs that say that they take it, in an order that is another one for each database.
async fn find_heirs(db: &str, to: Option<&str>, cluster: &Cluster) -> Result<Vec<Member>, NotPassed> {
    let registry = &cluster.registry;
    if registry.engine() != EngineState::Up {
        return Err(NotPassed::EngineDown);
    }
    let me = registry.me();
    let others: Vec<_> = registry.members().into_iter().filter(|member| member.name != me.name).collect();
    if others.is_empty() {
        return Err(NotPassed::Alone);
    }
    let known = || others.iter().map(|member| &*member.name).collect::<Vec<_>>().join(", ");
    let mut asked: Vec<_> = others.iter().filter(|member| to.is_none_or(|to| member.name == to)).cloned().collect();
    if asked.is_empty() {
        return Err(NotPassed::Unknown { wanted: to.unwrap_or_default().to_owned(), known: known() });
    }
    asked.sort_by_cached_key(|member| rank(db, &member.name));
    let answers = join_all(asked.iter().map(|member| takes(member, cluster))).await;
    let heirs: Vec<_> = asked.into_iter().zip(answers).filter(|(_, takes)| *takes).map(|(member, _)| member).collect();
    if heirs.is_empty() { Err(NotPassed::NobodyAnswers) } else { Ok(heirs) }
}

fn rank(db: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (db, name).hash(&mut hasher);
    hasher.finish()
}

async fn takes(member: &Member, cluster: &Cluster) -> bool {
    let body = Empty::<Bytes>::new();
    let answer = calls::ask_hub(member, Method::GET, HEIR_PATH, body, cluster, HEIR_LIMIT, MAX_WORDS).await;
    answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
}

/// Lets processes return their locks, and the master give the answers that it owes.
async fn come_to_rest(db: &str, limit: Duration, hub: &Hub) {
    if limit.is_zero() {
        return;
    }
    hub.quiesce_database(db);
    until(limit, || hub.is_database_quiet(db)).await;
}

/// Closes all connections, and takes out what is known.
async fn take_out(db: &str, manner: &Manner, hub: &Hub) -> FrozenHub {
    hub.part_database(db, manner.why);
    // As long as a stop gives them: who has not ended by then has lost its connection.
    until(manner.flush + LINGER, || hub.has_parted(db)).await;
    hub.freeze_database(db)
}

async fn until(limit: Duration, is_so: impl Fn() -> bool) {
    let end = Instant::now() + limit;
    while !is_so() && Instant::now() < end {
        sleep(LOOK_EVERY).await;
    }
}

/// Sends it to one hub after the other, until one has it. Who was asked and has not answered may take it still: then
/// nobody else can.
async fn give(lease: &Lease, frozen: &FrozenHub, heirs: Vec<Member>, cluster: &Cluster) -> Result<Owner, String> {
    let bytes = Bytes::from(cluster.packing.pack(frozen)?);
    if bytes.len() > MAX_ESTATE {
        return Err(format!("it takes {} bytes, and at most {MAX_ESTATE} are sent", bytes.len()));
    }
    let end = Instant::now() + GIVE_LIMIT;
    let mut faults = Vec::new();
    for heir in heirs {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match give_to(&heir, lease, bytes.clone(), left, cluster).await {
            Ok(owner) => return Ok(owner),
            Err(fault) => faults.push(format!("{}: {fault}", heir.name)),
        }
    }
    Err(faults.join("; "))
}

async fn give_to(
    heir: &Member,
    (db, epoch): &Lease,
    bytes: Bytes,
    limit: Duration,
    cluster: &Cluster,
) -> Result<Owner, String> {
    let target = calls::about(ESTATE_PATH, db, *epoch);
    let answer = calls::ask_hub(heir, Method::POST, &target, Full::new(bytes), cluster, limit, MAX_WORDS).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let words = calls::words(&answer);
    match (answer.status(), words.parse()) {
        (StatusCode::OK, Ok(epoch)) => Ok(heir.as_owner(epoch)),
        _ => Err(words),
    }
}

/// Goes on with it here, as the next owner: unless another hub has taken it after all.
async fn take_back(lease: &Lease, frozen: FrozenHub, cluster: &Cluster) -> bool {
    let from = cluster.registry.me().clone();
    cluster.registry.take(Estate { lease: lease.clone(), from, frozen }).await.is_ok()
}
