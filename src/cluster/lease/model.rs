//! Several hubs and one engine, with whatever can happen to them: the hubs stand still, die and come back, the engine
//! is down, is cut off from some, answers late, and loses its last writes. Owners leave databases to others meanwhile.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::cluster::{engine::records::Records, member::Member};

const TIMES: Times = Times { lease: Duration::from_secs(3), renew_every: Duration::from_secs(1) };
const STEP: Duration = Duration::from_millis(10);
const HUBS: usize = 3;
const DATABASES: [&str; 3] = ["x", "y", "z"];

/// How long an answer takes, as long as nothing is wrong.
const LATENCY: Duration = Duration::from_millis(20);

/// When all faults are over.
const TROUBLED_FOR: Duration = Duration::from_secs(30);

/// When all must be well again: members are forgotten, owners found, nobody is careful any more.
const SETTLED_AT: Duration = Duration::from_secs(30 + 4 * 3);

const END: Duration = Duration::from_secs(30 + 6 * 3);

#[derive(Debug, Clone)]
enum Fault {
    /// A hub stands still for so long.
    Pause(usize, Duration),
    /// A hub dies, and another process comes in its place after so long.
    Kill(usize, Duration),
    /// Nobody reaches the engine.
    Down(Duration),
    /// The engine's answers do not arrive, though it does what it is asked.
    Deaf(Duration),
    /// A hub does not reach the engine.
    CutOff(usize, Duration),
    /// The engine is back where it was when it was copied last.
    Failover,
    /// The engine is copied.
    Copy,
    /// Answers take as long.
    Slow(Duration),
    /// Nobody uses the database at this hub any more.
    Forget(usize, usize),
    /// Whoever has the database leaves it to that hub: what it has in mind arrives after so long.
    Pass(usize, usize, Duration, Otherwise),
}

/// What an owner does with a database that nobody has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    TakesItBack,
    LetsGo,
}

/// How long the next owner may take, and the last one waits for it.
const TAKE_LIMIT: Duration = Duration::from_millis(1_000);
const GIVE_LIMIT: Duration = Duration::from_millis(1_500);

/// What an owner had in mind, on its way to the next one.
struct Estate {
    db: &'static str,
    /// Under which the owner had it.
    epoch: u64,
    from: usize,
    /// Who has died since then remembers nothing.
    life: String,
    to: usize,
    given_up_at: Time,
    otherwise: Otherwise,
    course: Course,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    UnderWay { arrives: Time },
    AtHeir,
    Answered { is_taken: bool, arrives: Time },
    TakenBack,
    Over,
}

struct Hub {
    me: Member,
    leases: Leases,
    started: Time,
    stands_until: Time,
    is_dead: bool,
    cut_off_until: Time,
    /// When the engine was last not reached, or did not answer.
    troubled_at: Time,
    members: usize,
    sent: Option<Sent>,
    asking: Option<(Time, Time, Verdict)>,
    told_at: Time,
}

struct Sent {
    at: Time,
    request: Option<Request>,
    answer: Option<Reply>,
    arrives: Time,
    answered: Time,
}

struct World {
    now: Time,
    records: Records,
    copy: Records,
    hubs: Vec<Hub>,
    down_until: Time,
    deaf_until: Time,
    latency: Duration,
    lost_writes_at: Option<Time>,
    /// What a hub has had under which epoch.
    had: BTreeMap<(&'static str, u64), String>,
    has_lost_writes: bool,
    estates: Vec<Estate>,
    /// How many databases were taken as their owners had left them.
    taken: usize,
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
            told_at: now,
        }
    }

    fn is_awake(&self, now: Time) -> bool {
        !self.is_dead && self.stands_until <= now
    }
}

impl World {
    fn new() -> Self {
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
            Fault::Pass(to, db, delay, otherwise) => {
                let db = DATABASES[db];
                let mut owners =
                    self.hubs.iter_mut().enumerate().filter(|(from, hub)| *from != to && hub.is_awake(now));
                if let Some((from, owner)) = owners.find(|(_, hub)| hub.leases.epoch_of(db).is_some())
                    && let Some(epoch) = owner.leases.part_with(db)
                {
                    let (life, course) = (owner.me.life.clone(), Course::UnderWay { arrives: now + delay });
                    let given_up_at = now + GIVE_LIMIT;
                    self.estates.push(Estate { db, epoch, from, life, to, given_up_at, otherwise, course });
                }
            }
        }
    }

    fn run(&mut self, faults: &[(Duration, Fault)]) -> Result<(), TestCaseError> {
        while self.now < END {
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

    fn reaches_engine(&self, index: usize) -> bool {
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

    fn serves(&mut self, index: usize, db: &str, epoch: u64) -> Result<(), TestCaseError> {
        let db = DATABASES.into_iter().find(|known| *known == db).unwrap();
        let name = self.hubs[index].me.name.clone();
        let before = self.had.insert((db, epoch), name.clone());
        prop_assert!(
            self.has_lost_writes || before.is_none_or(|before| before == name),
            "two hubs had {db} under epoch {epoch}"
        );
        Ok(())
    }

    /// Nobody has served the database since its owner has left it.
    fn has_taken(&mut self, index: usize, db: &str, epoch: u64) -> Result<(), TestCaseError> {
        let later = self.had.keys().filter(|(served, at)| *served == db && *at >= epoch).count();
        prop_assert!(self.has_lost_writes || later == 0, "{db} has moved on beyond what was left under {epoch}");
        self.taken += 1;
        self.serves(index, db, epoch)?;
        self.estate_is_told(index, db, true);
        Ok(())
    }

    /// A hub has taken an estate, or has not.
    fn estate_is_told(&mut self, index: usize, db: &str, is_taken: bool) {
        for estate in self.estates.iter_mut().filter(|estate| estate.db == db) {
            if estate.to == index && estate.course == Course::AtHeir {
                estate.course = Course::Answered { is_taken, arrives: self.now + LATENCY };
            }
            if estate.from == index && estate.course == Course::TakenBack {
                estate.course = Course::Over;
                let owner = &mut self.hubs[index];
                if !is_taken {
                    owner.leases.give_up(self.now - owner.started, &(db.into(), estate.epoch));
                }
            }
        }
    }

    /// What hubs do with databases that are left from one to the other.
    fn move_estates(&mut self) {
        let now = self.now;
        for estate in &mut self.estates {
            let lease = (Arc::from(estate.db), estate.epoch);
            let (me, heir) = (self.hubs[estate.from].me.clone(), &mut self.hubs[estate.to]);
            let local = now.saturating_sub(heir.started);
            match estate.course {
                Course::UnderWay { arrives } if arrives <= now && heir.is_awake(now) => {
                    let is_begun = heir.leases.take(local, &lease, me, local + TAKE_LIMIT);
                    let refused = Course::Answered { is_taken: false, arrives: now + LATENCY };
                    estate.course = if is_begun { Course::AtHeir } else { refused };
                }
                _ => {}
            }
            let owner = &mut self.hubs[estate.from];
            if !owner.is_awake(now) {
                continue;
            }
            if owner.me.life != estate.life {
                estate.course = Course::Over;
                continue;
            }
            let local = now - owner.started;
            match estate.course {
                Course::Answered { is_taken: true, arrives } if arrives <= now => {
                    let Member { name, address, .. } = self.hubs[estate.to].me.clone();
                    let to = Owner { name, address, epoch: estate.epoch + 1 };
                    self.hubs[estate.from].leases.has_given(local, &lease, to);
                    estate.course = Course::Over;
                }
                Course::Over | Course::TakenBack => {}
                course => {
                    let is_refused = matches!(course, Course::Answered { arrives, .. } if arrives <= now);
                    if !is_refused && estate.given_up_at > now {
                        continue;
                    }
                    estate.course = Course::Over;
                    let me = owner.me.clone();
                    let takes_back = estate.otherwise == Otherwise::TakesItBack;
                    if takes_back && owner.leases.take(local, &lease, me, local + TAKE_LIMIT) {
                        estate.course = Course::TakenBack;
                    } else {
                        owner.leases.give_up(local, &lease);
                    }
                }
            }
        }
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

fn some_time() -> impl Strategy<Value = Duration> {
    prop_oneof![10u64..500, 500u64..3_500, 3_500u64..12_000].prop_map(Duration::from_millis)
}

fn fault_of_all() -> impl Strategy<Value = Fault> {
    let hub = 0..HUBS;
    let of_hubs_and_engine = prop_oneof![
        (hub.clone(), some_time()).prop_map(|(hub, time)| Fault::Pause(hub, time)),
        (hub.clone(), some_time()).prop_map(|(hub, time)| Fault::Kill(hub, time)),
        some_time().prop_map(Fault::Down),
        some_time().prop_map(Fault::Deaf),
        (20u64..600).prop_map(|time| Fault::Slow(Duration::from_millis(time))),
        (hub, 0..DATABASES.len()).prop_map(|(hub, db)| Fault::Forget(hub, db)),
    ];
    prop_oneof![3 => of_hubs_and_engine, 2 => passing()]
}

fn passing() -> impl Strategy<Value = Fault> {
    // Also such that the owner has just lost patience.
    let delay = prop_oneof![2 => 1u64..200, 2 => 1_300u64..2_000, 1 => 200u64..4_000].prop_map(Duration::from_millis);
    let otherwise = prop_oneof![Just(Otherwise::TakesItBack), Just(Otherwise::LetsGo)];
    (0..HUBS, 0..DATABASES.len(), delay, otherwise)
        .prop_map(|(to, db, delay, otherwise)| Fault::Pass(to, db, delay, otherwise))
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => fault_of_all(),
        2 => (0..HUBS, some_time()).prop_map(|(hub, time)| Fault::CutOff(hub, time)),
        1 => Just(Fault::Failover),
        2 => Just(Fault::Copy),
    ]
}

/// All are over when peace is to come.
fn plan(fault: impl Strategy<Value = Fault>) -> impl Strategy<Value = Vec<(Duration, Fault)>> {
    let at = (0..TROUBLED_FOR.as_millis() as u64 - 12_000).prop_map(Duration::from_millis);
    vec((at, fault), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nobody_believes_to_have_what_another_has_and_peace_comes(faults in plan(fault_of_all())) {
        World::new().run(&faults)?;
    }

    #[test]
    fn who_is_cut_off_or_has_lost_the_engines_memory_finds_out_in_time(faults in plan(any_fault())) {
        World::new().run(&faults)?;
    }
}

/// The model shows nothing of databases that are left to others unless some are taken.
#[test]
fn what_an_owner_leaves_to_another_hub_is_taken() {
    let mut world = World::new();
    let at = |seconds: u64| Duration::from_millis(1_000 * seconds);
    let delay = Duration::from_millis(30);
    world
        .run(&[
            (at(5), Fault::Pass(1, 0, delay, Otherwise::LetsGo)),
            (at(6), Fault::Pass(2, 0, delay, Otherwise::TakesItBack)),
            // Nobody is there to take it: its owner takes it back.
            (at(7), Fault::Kill(0, at(20))),
            (at(8), Fault::Pass(0, 0, delay, Otherwise::TakesItBack)),
        ])
        .unwrap();
    assert!(world.taken >= 2 && world.hubs[2].leases.epoch_of(DATABASES[0]).is_some(), "{}", world.taken);
}
