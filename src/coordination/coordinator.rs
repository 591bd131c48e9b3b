//! What the coordinator of one database has in mind. What it does about it is in the files that are named for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    absences::Absences, bounds::Bounds, complaints::Complaints, config::CoordinationConfig, deletions::Deletions,
    farewells::Farewells, fences::Forbidden, file_news::FileNews, given_back::GivenBack, indexing::Indexing,
    locks::LockTable, master::Master, requests::Requests, sessions::Sessions, stand_in::StandIns,
    succession::Succession, survivors::Survivors, trial::Trial, under_way::UnderWay, vigil::Vigil,
};
use crate::{
    clock::{Millis, WallClock},
    hub::coordinator::Moment,
};

/// Coordinates the AceBase peers of one database.
#[derive(Debug, Serialize, Deserialize)]
pub struct ClusterCoordinator {
    #[serde(skip)]
    pub(super) config: CoordinationConfig,
    pub(super) sessions: Sessions,
    pub(super) absences: Absences,
    pub(super) requests: Requests,
    #[serde(skip)]
    pub(super) bounds: Bounds,
    /// The request, of those that may have ended a master, that the present one is living through.
    pub(super) trial: Option<Trial>,
    pub(super) indexing: Indexing,
    pub(super) locks: LockTable,
    #[serde(default)]
    pub(super) given_back: GivenBack,
    pub(super) master: Master,
    pub(super) succession: Succession,
    pub(super) farewells: Farewells,
    pub(super) survivors: Survivors,
    /// Since when the hub has had the database, on its clock.
    #[serde(default)]
    pub(super) since: Millis,
    /// The lives of the masters whose locks workers have told of.
    #[serde(default)]
    pub(super) told_masters: BTreeSet<String>,
    /// Workers have told of what they hold, and not all are back yet that may hold more.
    #[serde(default)]
    pub(super) is_scattered: bool,
    /// Those of them that have not come in time may have gone.
    #[serde(default)]
    pub(super) gave_reunion_up: bool,
    /// What the master was told last, in this session, of the locks of former ones.
    #[serde(default)]
    pub(super) told_master: Option<Forbidden>,
    #[serde(default)]
    pub(super) stand_ins: StandIns,
    pub(super) deletions: Deletions,
    #[serde(default)]
    pub(super) file_news: FileNews,
    pub(super) complaints: Complaints,
    #[serde(default)]
    pub(super) vigil: Vigil,
    /// The server is about to stop: what may still go on.
    #[serde(skip)]
    pub(super) under_way: Option<UnderWay>,
}

impl ClusterCoordinator {
    /// How long the hub has had the database.
    pub(super) fn age(&self, now: Millis) -> Millis {
        now.saturating_sub(self.since)
    }

    /// To be called when all is done about what has happened: what follows from how it is now.
    pub(super) fn take_stock(&mut self, moment: &mut Moment<'_>) {
        self.keep_vigil(moment.now);
        self.tell_master_of_fences(moment);
        self.keep_master_from_fenced(moment);
    }

    /// A coordinator that has seen nothing yet. `wall_clock` tells its run from others, and what masters mean by their
    /// times.
    pub fn new(config: CoordinationConfig, wall_clock: WallClock) -> Self {
        Self {
            sessions: Sessions::new(),
            absences: Absences::new(config.max_request_bytes),
            requests: Requests::new(),
            bounds: Bounds::new(&config),
            trial: None,
            indexing: Indexing::default(),
            locks: LockTable::new(wall_clock),
            given_back: GivenBack::default(),
            master: Master::new(wall_clock(0)),
            succession: Succession::default(),
            farewells: Farewells::new(),
            survivors: Survivors::default(),
            since: 0,
            told_masters: BTreeSet::new(),
            is_scattered: false,
            gave_reunion_up: false,
            told_master: None,
            stand_ins: StandIns::default(),
            deletions: Deletions::default(),
            file_news: FileNews::default(),
            complaints: Complaints::default(),
            vigil: Vigil::default(),
            under_way: None,
            config,
        }
    }
}
