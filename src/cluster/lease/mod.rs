//! Which databases a hub has: when it asks the engine for what, and what it believes. Pure: it is given the time and
//! what happens, and gives back what the engine is to be asked, and news.
//!
//! - A lease counts from when it was asked for, so that it is over here before the engine lets anybody else have it.
//! - Who cannot renew in time gives the database up. Only while the engine is down for this hub, no other hub says that
//!   it reaches it, and most of them say that they do not, does an owner go on: nobody could have replaced it.
//! - When an engine is back it may have lost what it was told last. For one lease nobody takes a database that has no
//!   record: owners write theirs again within a second.
//! - While the engine is down for this hub, others may tell it who has a database that it has not: it relays there.
//! - An owner that leaves a database to another hub serves it no longer, and never again under that epoch; it goes on
//!   holding it. That hub *takes* it: one step at the engine, which fails where the owner does not hold it any more. So
//!   it takes what the owner had in mind as the next owner, or not at all.
//! - Of two owners, which only an engine that has lost writes can make, the one with the higher epoch stays.
//!
//! That nothing goes wrong does not rest on this: locks are the AceBase master's, which is connected to one hub.

mod answers;
mod entry;
mod hearsay;
#[cfg(test)]
mod model;
mod outage;
mod owners;
#[cfg(test)]
mod tests;
mod times;
mod words;

use std::{collections::BTreeMap, mem, sync::Arc};

pub use outage::Verdict;
pub use times::{Time, Times};
pub use words::{News, Reply, Request, WhyLost, Word};

use entry::{Entry, Standing, Taking};
use hearsay::Hearsay;
use outage::Outage;

use super::{
    engine::{Lease, Mode, Wanted},
    member::Member,
    owner::Owner,
    registry::{EngineState, WhyNobody},
};

/// Databases in one question to the engine, which answers nobody else meanwhile: a millisecond's work.
const MAX_BATCH: usize = 256;

/// Databases that wait to be released. More are left to run out.
const MAX_RELEASES: usize = 10_000;

/// The leases of one hub.
#[derive(Debug, Clone)]
pub struct Leases {
    name: String,
    times: Times,
    entries: BTreeMap<Arc<str>, Entry>,
    releases: Vec<Lease>,
    outage: Outage,
    hearsay: Hearsay,
    announce_at: Time,
    in_flight: Option<(Request, Time)>,
    news: Vec<News>,
    is_leaving: bool,
}

impl Leases {
    /// None yet. `name`: this hub's.
    pub fn new(name: &str, times: Times) -> Self {
        Self {
            name: name.to_owned(),
            times,
            entries: BTreeMap::new(),
            releases: Vec::new(),
            outage: Outage::new(times),
            hearsay: Hearsay::default(),
            announce_at: Time::ZERO,
            in_flight: None,
            news: Vec::new(),
            is_leaving: false,
        }
    }

    /// Goes on with what the process before this one had. It is renewed first of all.
    pub fn adopt(&mut self, now: Time, db: &Arc<str>, epoch: u64) {
        let standing = Standing::Mine { epoch, over_at: now + self.times.renew_every };
        self.entries.insert(db.clone(), Entry { standing, seen: epoch, ask_at: now, asked_at: None, taking: None });
        self.news.push(News::Won { db: db.clone(), epoch });
    }

    /// Somebody wants to know where it is, from now on.
    pub fn want(&mut self, now: Time, db: &Arc<str>) {
        if !self.is_leaving {
            self.entries.entry(db.clone()).or_insert_with(|| Entry::new(now));
        }
    }

    /// Nobody wants to know any more.
    pub fn forget(&mut self, db: &str) {
        if let Some((db, entry)) = self.entries.remove_entry(db) {
            self.dispose_of(db, entry);
        }
    }

    /// Serves it no longer, and holds it still, for another hub to take: [`Leases::has_given`], [`Leases::give_up`], or
    /// [`Leases::take`] from itself must follow. The epoch under which this hub has it; `None`: it has not.
    pub fn part_with(&mut self, db: &str) -> Option<u64> {
        let entry = self.entries.get_mut(db)?;
        let Standing::Mine { epoch, over_at } = entry.standing else { return None };
        entry.standing = Standing::Parting { epoch, over_at };
        Some(epoch)
    }

    /// That hub has taken what this one has parted with under that epoch.
    pub fn has_given(&mut self, now: Time, (db, epoch): &Lease, to: Owner) {
        let Some(entry) = self.entries.get_mut(db) else { return };
        // A renewal may have told that it is another's already.
        if !matches!(entry.standing, Standing::Parting { epoch: held, .. } if held == *epoch) {
            return;
        }
        entry.seen = entry.seen.max(to.epoch);
        entry.ask_at = now + self.times.renew_every;
        entry.standing = Standing::Foreign(to.clone());
        self.news.push(News::At { db: db.clone(), owner: to });
    }

    /// Nobody has taken what this hub has parted with under that epoch, as far as it knows: it is anybody's.
    pub fn give_up(&mut self, now: Time, (db, epoch): &Lease) {
        let Some(entry) = self.entries.get_mut(db) else { return };
        if matches!(entry.standing, Standing::Parting { epoch: held, .. } if held == *epoch) {
            entry.standing = Standing::Nobody(WhyNobody::GivenUp);
            entry.ask_at = now;
            self.put_back(db.clone(), *epoch);
        }
    }

    /// Takes what that hub has, and leaves to this one, until then. This hub may take back itself what it has parted
    /// with. `false`: it knows better, or has other plans; else [`News::Taken`] or [`News::NotTaken`] follows.
    pub fn take(&mut self, now: Time, (db, epoch): &Lease, from: Member, until: Time) -> bool {
        let is_own = from.name == self.name;
        let entry = self.entries.entry(db.clone()).or_insert_with(|| Entry::new(now));
        let may_take = match entry.standing {
            Standing::Mine { .. } => false,
            Standing::Parting { epoch: held, .. } => is_own && held == *epoch,
            Standing::Nobody(_) | Standing::Foreign(_) => entry.seen <= *epoch,
        };
        if !may_take || self.is_leaving || entry.taking.is_some() {
            return false;
        }
        entry.taking = Some(Taking { epoch: *epoch, from, until });
        true
    }

    /// Lets go of all, for the hub stops: see [`Leases::has_left`].
    pub fn leave(&mut self) {
        self.is_leaving = true;
        for (db, entry) in mem::take(&mut self.entries) {
            self.dispose_of(db, entry);
        }
    }

    /// The engine has been told of all that was let go of.
    pub fn has_left(&self) -> bool {
        self.releases.is_empty() && self.in_flight.is_none()
    }

    /// That owner was not reached, or is none: the engine is asked at once, but for what it has answered just now; and
    /// where it does not answer, the other hubs are.
    pub fn doubt(&mut self, now: Time, db: &Arc<str>, epoch: u64) {
        let pause = self.times.retry() / 2;
        let Some(entry) = self.entries.get_mut(db) else { return };
        if !matches!(&entry.standing, Standing::Foreign(owner) if owner.epoch == epoch) {
            return;
        }
        let soon = entry.asked_at.map_or(now, |asked_at| now.max(asked_at + pause));
        entry.ask_at = entry.ask_at.min(soon);
        if self.outage.state() == EngineState::Down {
            let why = WhyNobody::EngineDown;
            entry.standing = Standing::Nobody(why);
            self.news.push(News::Nobody { db: db.clone(), why });
        }
    }

    /// Another hub says that it has taken what that owner had: the engine is asked at once.
    pub fn has_moved(&mut self, now: Time, db: &str, epoch: u64) {
        if let Some(entry) = self.entries.get_mut(db)
            && matches!(&entry.standing, Standing::Foreign(owner) if owner.epoch <= epoch)
        {
            entry.ask_at = now;
        }
    }

    /// What the engine is to be asked now, if anything. It must be followed by [`Leases::answered`].
    pub fn next(&mut self, now: Time) -> Option<Request> {
        if self.in_flight.is_some() || !self.outage.may_ask(now) {
            return None;
        }
        let request = self
            .next_renewal(now)
            .or_else(|| self.next_release())
            .or_else(|| self.next_taking())
            .or_else(|| self.next_claim(now))
            .or_else(|| (self.announce_at <= now && !self.is_leaving).then_some(Request::Announce))?;
        self.in_flight = Some((request.clone(), now));
        Some(request)
    }

    /// The engine has answered what it was asked last; `None`: it has not, in time or at all.
    pub fn answered(&mut self, now: Time, reply: Option<Reply>) {
        let Some((request, sent)) = self.in_flight.take() else { return };
        match reply {
            Some(reply) => {
                if self.outage.answered(now) {
                    self.news.push(News::EngineBack);
                }
                self.learn(now, sent, request, reply);
            }
            None => self.engine_failed(now, request),
        }
        self.tick(now);
    }

    /// The other hubs are to be asked now whether they reach the engine. It must be followed by
    /// [`Leases::neighbours_said`].
    pub fn asks_neighbours(&mut self, now: Time) -> bool {
        let is_due = self.asks_neighbours_at().is_some_and(|at| at <= now);
        if is_due {
            self.outage.neighbours_are_asked(now);
        }
        is_due
    }

    /// What they said, asked then.
    pub fn neighbours_said(&mut self, now: Time, asked_at: Time, verdict: Verdict) {
        self.outage.neighbours_said(asked_at, verdict);
        self.tick(now);
    }

    /// Gives up what cannot be sure any more. To be called when [`Leases::deadline`] is reached, and after each pause
    /// before anything else.
    pub fn tick(&mut self, now: Time) {
        let excused_until = self.outage.excuses_until();
        let is_over = |entry: &Entry| entry.over_at().is_some_and(|over_at| over_at.max(excused_until) <= now);
        let over: Vec<_> = self.entries.iter().filter(|(_, entry)| is_over(entry)).map(|(db, _)| db.clone()).collect();
        for db in over {
            self.lose(now, &db, WhyLost::Expired);
        }
        let has_run_out = |entry: &mut Entry| entry.taking.take_if(|taking| taking.until <= now).is_some();
        let run_out: Vec<_> =
            self.entries.iter_mut().filter_map(|(db, entry)| has_run_out(entry).then(|| db.clone())).collect();
        self.news.extend(run_out.into_iter().map(|db| News::NotTaken { db }));
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Time {
        let excused_until = self.outage.excuses_until();
        let over = self.entries.values().filter_map(Entry::over_at).map(|over_at| over_at.max(excused_until));
        let takings = self.entries.values().filter_map(|entry| entry.taking.as_ref()).map(|taking| taking.until);
        let others = self.asks_neighbours_at().into_iter().chain(self.asks_owners_at());
        over.chain(takings).chain(others).chain(self.asks_at()).min().unwrap_or(Time::MAX)
    }

    /// What has changed since this was asked last, in order.
    pub fn take_news(&mut self) -> Vec<News> {
        mem::take(&mut self.news)
    }

    /// Whether the engine answers.
    pub fn engine(&self) -> EngineState {
        self.outage.state()
    }

    /// The databases that this hub has, and when each lease is over, unless it is excused.
    pub fn mine(&self) -> impl Iterator<Item = (&Arc<str>, u64, Time)> {
        self.entries.iter().filter_map(|(db, entry)| match entry.standing {
            Standing::Mine { epoch, over_at } => Some((db, epoch, over_at)),
            _ => None,
        })
    }

    /// Who has this database, as far as it believes.
    #[cfg(test)]
    pub fn owner_of(&self, db: &str) -> Option<&Owner> {
        match &self.entries.get(db)?.standing {
            Standing::Foreign(owner) => Some(owner),
            _ => None,
        }
    }

    /// It believes that it has this database.
    #[cfg(test)]
    pub fn epoch_of(&self, db: &str) -> Option<u64> {
        self.entries.get(db).and_then(Entry::my_epoch)
    }

    fn asks_neighbours_at(&self) -> Option<Time> {
        self.outage.ask_neighbours_at().filter(|_| self.entries.values().any(Entry::is_held))
    }

    /// When the engine is to be asked next; `None`: it is being asked.
    fn asks_at(&self) -> Option<Time> {
        if self.in_flight.is_some() {
            return None;
        }
        let announce = (!self.is_leaving).then_some(self.announce_at);
        let release = (!self.releases.is_empty()).then_some(Time::ZERO);
        let asks = self.entries.values().map(Entry::asks_at).chain(announce).chain(release).min()?;
        Some(asks.max(self.outage.ask_at()))
    }

    fn next_renewal(&self, now: Time) -> Option<Request> {
        let is_due = |entry: &Entry| entry.renews_at().is_some_and(|at| at <= now);
        let due = self.entries.iter().filter(|(_, entry)| is_due(entry));
        let leases: Vec<_> =
            due.filter_map(|(db, entry)| Some((db.clone(), entry.held_epoch()?))).take(MAX_BATCH).collect();
        (!leases.is_empty()).then_some(Request::Renew(leases))
    }

    fn next_release(&self) -> Option<Request> {
        let leases: Vec<_> = self.releases.iter().take(MAX_BATCH).cloned().collect();
        (!leases.is_empty()).then_some(Request::Release(leases))
    }

    fn next_taking(&self) -> Option<Request> {
        let mut takings = self.entries.iter().filter_map(|(db, entry)| Some((db, entry.taking.as_ref()?)));
        takings.next().map(|(db, taking)| Request::Take((db.clone(), taking.epoch), taking.from.clone()))
    }

    fn next_claim(&self, now: Time) -> Option<Request> {
        let mode = if self.outage.is_careful(now) { Mode::Look } else { Mode::Take };
        let is_due = |entry: &Entry| entry.claims_at().is_some_and(|at| at <= now);
        let due = self.entries.iter().filter(|(_, entry)| is_due(entry));
        let wanted: Vec<_> =
            due.map(|(db, entry)| Wanted { db: db.clone(), seen: entry.seen }).take(MAX_BATCH).collect();
        (!wanted.is_empty()).then_some(Request::Claim(wanted, mode))
    }
}
