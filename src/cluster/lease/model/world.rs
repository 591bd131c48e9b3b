//! The hubs and their engine, as time passes, and what must always hold.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{estate::Estate, fault::Fault};
use crate::cluster::{
    engine::records::Records,
    lease::{Leases, News, Reply, Request, Time, Times, Verdict, Word},
    member::Member,
    registry::EngineState,
};

const TIMES: Times = Times { lease: Duration::from_secs(3), renew_every: Duration::from_secs(1) };
const STEP: Duration = Duration::from_millis(10);
pub(super) const HUBS: usize = 3;
pub(super) const DATABASES: [&str; 3] = ["x", "y", "z"];

/// How long an answer takes, as long as nothing is wrong.
pub(super) const LATENCY: Duration = Duration::from_millis(20);

/// When all faults are over.
pub(super) const TROUBLED_FOR: Duration = Duration::from_secs(30);

/// When all must be well again: members are forgotten, owners found, nobody is careful any more.
pub(super) const SETTLED_AT: Duration = Duration::from_secs(30 + 4 * 3);

const END: Duration = Duration::from_secs(30 + 6 * 3);

/// How often clients try an owner that was none.
const KNOCK_EVERY: Duration = Duration::from_millis(250);

pub(super) struct Hub {
    pub(super) me: Member,
    pub(super) leases: Leases,
    pub(super) started: Time,
    stands_until: Time,
    is_dead: bool,
    cut_off_until: Time,
    /// When the engine was last not reached, or did not answer.
    troubled_at: Time,
    members: usize,
    sent: Option<Sent>,
    asking: Option<(Time, Time, Verdict)>,
    /// What others say of who has what, and when it arrives.
    seeking: Option<(Time, Vec<Word>)>,
    /// When its clients try an owner again that was none.
    knocks_at: Time,
    told_at: Time,
}

struct Sent {
    at: Time,
    request: Option<Request>,
    answer: Option<Reply>,
    arrives: Time,
    answered: Time,
}

pub(super) struct World {
    pub(super) now: Time,
    records: Records,
    copy: Records,
    pub(super) hubs: Vec<Hub>,
    down_until: Time,
    deaf_until: Time,
    latency: Duration,
    lost_writes_at: Option<Time>,
    /// What a hub has had under which epoch.
    pub(super) had: BTreeMap<(&'static str, u64), String>,
    pub(super) has_lost_writes: bool,
    pub(super) estates: Vec<Estate>,
    /// How many databases were taken as their owners had left them.
    pub(super) taken: usize,
}

fn member(index: usize, life: u64) -> Member {
    Member { name: format!("hub{index}"), address: format!("hub{index}:1"), life: format!("{index}-{life}") }
}

impl Hub {
    fn new(index: usize, now: Time) -> Self {
        let me = member(index, now.as_millis() as u64);
        let mut leases = Leases::new(&me.name, TIMES);
        for db in DATABASES {
            leases.want(Time::ZERO, &db.into());
        }
        Self {
            me,
            leases,
            started: now,
            stands_until: now,
            is_dead: false,
            cut_off_until: Time::ZERO,
            troubled_at: now,
            members: 1,
            sent: None,
            asking: None,
            seeking: None,
            knocks_at: now,
            told_at: now,
        }
    }

    pub(super) fn is_awake(&self, now: Time) -> bool {
        !self.is_dead && self.stands_until <= now
    }

    /// What it says of who has a database.
    fn word_of(&self, db: &Arc<str>) -> Option<Word> {
        let own = self.leases.epoch_of(db).map(|epoch| self.me.as_owner(epoch));
        let is_own = own.is_some();
        let owner = own.or_else(|| self.leases.owner_of(db).cloned())?;
        Some(Word { db: db.clone(), owner, is_own })
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Time::ZERO,
            records: Records::default(),
            copy: Records::default(),
            hubs: (0..HUBS).map(|index| Hub::new(index, Time::ZERO)).collect(),
            down_until: Time::ZERO,
            deaf_until: Time::ZERO,
            latency: LATENCY,
            lost_writes_at: None,
            had: BTreeMap::new(),
            has_lost_writes: false,
            estates: Vec::new(),
            taken: 0,
        }
    }

    fn strike(&mut self, fault: &Fault) {
        let now = self.now;
        match *fault {
            Fault::Pause(hub, time) => self.hubs[hub].stands_until = now + time,
            Fault::Kill(hub, time) => {
                self.hubs[hub] = Hub { is_dead: true, stands_until: now + time, ..Hub::new(hub, now) };
            }
            Fault::Down(time) => self.down_until = now + time,
            Fault::Deaf(time) => self.deaf_until = now + time,
            Fault::CutOff(hub, time) => self.hubs[hub].cut_off_until = now + time,
            Fault::Copy => self.copy = self.records.clone(),
            Fault::Failover => {
                self.records = self.copy.clone();
                self.lost_writes_at = Some(now);
                self.has_lost_writes = true;
            }
            Fault::Slow(latency) => self.latency = latency,
            Fault::Forget(hub, db) => {
                // Somebody wants it again soon.
                let hub = &mut self.hubs[hub];
                hub.leases.forget(DATABASES[db]);
                hub.leases.want(now - hub.started, &DATABASES[db].into());
            }
            Fault::Pass(to, db, delay, otherwise) => self.leave(DATABASES[db], to, delay, otherwise),
        }
    }

    pub(super) fn run(&mut self, faults: &[(Duration, Fault)]) -> Result<(), TestCaseError> {
        self.run_until(END, faults)
    }

    pub(super) fn run_until(&mut self, end: Time, faults: &[(Duration, Fault)]) -> Result<(), TestCaseError> {
        while self.now < end {
            let now = self.now;
            for (_, fault) in faults.iter().filter(|(at, _)| *at >= now && *at < now + STEP) {
                self.strike(fault);
            }
            if self.now == TROUBLED_FOR {
                self.latency = LATENCY;
            }
            for index in 0..HUBS {
                self.engine_hears(index);
            }
            for index in 0..HUBS {
                self.step(index)?;
            }
            self.move_estates();
            self.check()?;
            self.now += STEP;
        }
        Ok(())
    }

    pub(super) fn reaches_engine(&self, index: usize) -> bool {
        self.down_until <= self.now && self.hubs[index].cut_off_until <= self.now
    }

    /// The engine does what a hub has asked, when that has arrived: also for one that stands still, or is dead.
    fn engine_hears(&mut self, index: usize) {
        let (now, reached) = (self.now, self.reaches_engine(index));
        let hub = &mut self.hubs[index];
        let Some(sent) = hub.sent.as_mut().filter(|sent| sent.arrives <= now) else { return };
        let Some(request) = sent.request.take().filter(|_| reached) else { return };
        let (me, records) = (&hub.me, &mut self.records);
        let answer = match request {
            Request::Renew(leases) => {
                Reply::Renewed(leases.iter().map(|lease| records.renew(lease, me, TIMES.lease, now)).collect())
            }
            Request::Claim(wanted, mode) => {
                Reply::Claimed(wanted.iter().map(|one| records.claim(one, mode, me, TIMES.lease, now)).collect())
            }
            Request::Release(leases) => {
                leases.iter().for_each(|lease| records.release(lease, me));
                Reply::Done
            }
            Request::Take(lease, from) => Reply::Taken(records.pass(&lease, &from, me, TIMES.lease, now)),
            Request::Announce => {
                hub.members = records.announce(me, TIMES.lease, now).len();
                Reply::Done
            }
        };
        sent.answer = Some(answer).filter(|_| self.deaf_until <= now);
    }

    fn step(&mut self, index: usize) -> Result<(), TestCaseError> {
        let (now, latency) = (self.now, self.latency);
        let states: Vec<_> = self.hubs.iter().map(|hub| hub.is_awake(now).then(|| hub.leases.engine())).collect();
        if !self.reaches_engine(index) || self.deaf_until > now || latency > LATENCY {
            self.hubs[index].troubled_at = now;
        }
        let hub = &mut self.hubs[index];
        if hub.is_dead && hub.stands_until <= now {
            *hub = Hub::new(index, now);
        }
        if !hub.is_awake(now) {
            hub.troubled_at = now;
            return Ok(());
        }
        let local = now - hub.started;
        if hub.sent.as_ref().is_some_and(|sent| sent.answered <= now || sent.at + TIMES.answer_limit() <= now) {
            let answer = hub.sent.take().filter(|sent| sent.answered <= now).and_then(|sent| sent.answer);
            hub.leases.answered(local, answer);
        }
        if let Some((asked_at, _, verdict)) = hub.asking.take_if(|(_, there_at, _)| *there_at <= now) {
            hub.leases.neighbours_said(local, asked_at, verdict);
        }
        hub.leases.tick(local);
        if hub.asking.is_none() && hub.leases.asks_neighbours(local) {
            let others = || states.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, state)| *state);
            let count = |wanted| others().filter(|state| *state == Some(wanted)).count();
            let (yes, no) = (count(EngineState::Up), count(EngineState::Down));
            // Hubs that are known and do not answer.
            let asked = (yes + no).max(hub.members - 1);
            hub.asking = Some((local, now + LATENCY, Verdict { yes, no, asked }));
        }
        self.relay(index, local);
        let hub = &mut self.hubs[index];
        if let Some(request) = hub.leases.next(local) {
            let (arrives, answered) = (now + latency / 2, now + latency);
            hub.sent = Some(Sent { at: now, request: Some(request), answer: None, arrives, answered });
        }
        let news = hub.leases.take_news();
        if !news.is_empty() {
            hub.told_at = now;
        }
        for news in news {
            match news {
                News::Won { db, epoch } => self.serves(index, &db, epoch)?,
                News::Taken { db, epoch } => self.has_taken(index, &db, epoch)?,
                News::NotTaken { db } => self.estate_is_told(index, &db, false),
                _ => {}
            }
        }
        Ok(())
    }

    /// What clients do at a hub that relays them: the owner that it knows is asked, and where it is none, or cannot be
    /// reached, the hub is told so. Where it does not reach the engine it asks the others who has it.
    fn relay(&mut self, index: usize, local: Time) {
        let now = self.now;
        for db in DATABASES {
            let Some(owner) = self.hubs[index].leases.owner_of(db).cloned() else { continue };
            let is_it = |hub: &Hub| hub.is_awake(now) && hub.me.name == owner.name && hub.leases.epoch_of(db).is_some();
            if !self.hubs.iter().any(is_it) && self.hubs[index].knocks_at <= now {
                self.hubs[index].knocks_at = now + KNOCK_EVERY;
                self.hubs[index].leases.doubt(local, &db.into(), owner.epoch);
            }
        }
        if let Some((_, words)) = self.hubs[index].seeking.take_if(|(there_at, _)| *there_at <= now) {
            self.hubs[index].leases.heard(words);
        }
        let sought = self.hubs[index].leases.asks_owners(local);
        if !sought.is_empty() {
            let others = || self.hubs.iter().enumerate().filter(|(other, hub)| *other != index && hub.is_awake(now));
            let words = sought.iter().flat_map(|db| others().filter_map(move |(_, other)| other.word_of(db)));
            self.hubs[index].seeking = Some((now + LATENCY, words.collect()));
        }
    }

    pub(super) fn serves(&mut self, index: usize, db: &str, epoch: u64) -> Result<(), TestCaseError> {
        let db = DATABASES.into_iter().find(|known| *known == db).unwrap();
        let name = self.hubs[index].me.name.clone();
        let before = self.had.insert((db, epoch), name.clone());
        prop_assert!(
            self.has_lost_writes || before.is_none_or(|before| before == name),
            "two hubs had {db} under epoch {epoch}"
        );
        Ok(())
    }

    /// Nobody believes that he has what the engine says is another's: but where it has lost writes, until he has had
    /// the time to renew; and where he does not reach it, and others that do have not said so.
    fn check(&self) -> Result<(), TestCaseError> {
        let now = self.now;
        let renewal = TIMES.renew_every + 2 * TIMES.answer_limit() + 4 * LATENCY;
        for db in DATABASES {
            let Some(owner) = self.records.owner(db, now) else { continue };
            for hub in self.hubs.iter().filter(|hub| hub.is_awake(now) && hub.me.name != owner.name) {
                let believes = hub.leases.epoch_of(db);
                let may_differ = self.lost_writes_at.is_some_and(|at| now <= at.max(hub.troubled_at) + renewal);
                let is_excused = may_differ || self.is_cut_off(hub);
                prop_assert!(
                    believes.is_none() || is_excused,
                    "{now:?}: {} believes that it has {db} under {believes:?}, and {owner:?} has it",
                    hub.me.name
                );
            }
        }
        if now >= SETTLED_AT {
            self.check_peace()?;
        }
        Ok(())
    }

    /// It could not know better: a hub that reaches the engine took what was its own, without telling.
    fn is_cut_off(&self, hub: &Hub) -> bool {
        hub.cut_off_until + TIMES.longest_silence() + 4 * LATENCY > self.now && hub.cut_off_until > Time::ZERO
    }

    /// Each database has one owner, all know it, and nothing changes any more.
    fn check_peace(&self) -> Result<(), TestCaseError> {
        for db in DATABASES {
            let owners: Vec<_> = self.hubs.iter().filter(|hub| hub.leases.epoch_of(db).is_some()).collect();
            prop_assert_eq!(owners.len(), 1, "owners of {} at {:?}", db, self.now);
            let record = self.records.owner(db, self.now);
            prop_assert_eq!(record.map(|owner| &*owner.name), Some(&*owners[0].me.name));
        }
        for hub in &self.hubs {
            prop_assert!(hub.told_at < SETTLED_AT, "{} had news at {:?}", hub.me.name, hub.told_at);
            prop_assert_eq!(hub.leases.engine(), EngineState::Up);
        }
        Ok(())
    }
}
