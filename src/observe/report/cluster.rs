//! The other hubs in a report, and which of them has which database.

use serde::Serialize;

use crate::{
    clock,
    cluster::{
        EngineState, Member, Registry, Whereabouts, WhyNobody,
        registry::{Engine, Row},
    },
};

/// What one of several hubs knows of the others.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterRow {
    /// This hub's name.
    name: String,
    /// All hubs that live, this one among them, by name.
    hubs: Vec<HubRow>,
    engine: EngineRow,
    /// Clients that this hub relays to others.
    relayed: usize,
    /// Clients that wait until a hub has their database.
    waiting: usize,
    /// The databases that are asked for here.
    databases: Vec<OwnedRow>,
}

#[derive(Serialize)]
struct HubRow {
    name: String,
    address: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EngineRow {
    /// `unknown`, `up` or `down`.
    state: &'static str,
    since_ms: Option<u64>,
    fault: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwnedRow {
    db: String,
    /// `here`, `elsewhere`, or why nobody has it: `asking`, `engine-down`, `given-up`, `leaving`.
    state: &'static str,
    /// The hub that has it.
    owner: Option<String>,
    epoch: Option<u64>,
    /// How long ago the lease was asked for last, of a database that is here.
    lease_age_ms: Option<u64>,
}

impl ClusterRow {
    /// `db`: tells of no other database.
    pub(super) fn new(registry: &Registry, db: Option<&str>) -> Self {
        let me = registry.me();
        let is_asked_for = |row: &Row| db.is_none_or(|db| &*row.db == db);
        // The engine has them in the order in which they said last that they live.
        let mut members = registry.members();
        members.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            name: me.name.clone(),
            hubs: members.into_iter().map(HubRow::from).collect(),
            engine: registry.engine_in_words().into(),
            relayed: registry.relayed(),
            waiting: registry.waiting(),
            databases: registry.rows().into_iter().filter(is_asked_for).map(|row| OwnedRow::new(row, me)).collect(),
        }
    }
}

impl From<Member> for HubRow {
    fn from(member: Member) -> Self {
        Self { name: member.name, address: member.address }
    }
}

impl From<Engine> for EngineRow {
    fn from(engine: Engine) -> Self {
        let since_ms = engine.since.map(|since| clock::millis(since.elapsed()));
        Self { state: engine.state.name(), since_ms, fault: engine.fault.filter(|_| engine.state == EngineState::Down) }
    }
}

impl OwnedRow {
    fn new(row: Row, me: &Member) -> Self {
        let (state, owner, epoch) = match row.whereabouts {
            Whereabouts::Here { epoch } => ("here", Some(me.name.clone()), Some(epoch)),
            Whereabouts::At(owner) => ("elsewhere", Some(owner.name), Some(owner.epoch)),
            Whereabouts::Nobody(WhyNobody::Asking) => ("asking", None, None),
            Whereabouts::Nobody(WhyNobody::EngineDown) => ("engine-down", None, None),
            Whereabouts::Nobody(WhyNobody::GivenUp) => ("given-up", None, None),
            Whereabouts::Nobody(WhyNobody::Leaving) => ("leaving", None, None),
        };
        Self { db: row.db.to_string(), state, owner, epoch, lease_age_ms: row.lease_age.map(clock::millis) }
    }
}
