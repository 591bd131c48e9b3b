//! What a hub learns of the engine's answers, and of their absence: what is its own, another's, or nobody's.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::Arc,
    time::Duration,
};

use super::{Entry, Leases, MAX_RELEASES, News, Reply, Request, Standing, Time, WhyLost};
use crate::cluster::{
    engine::{Claim, Lease, Mode, Renewal, Wanted},
    registry::WhyNobody,
};

impl Leases {
    pub(super) fn learn(&mut self, now: Time, sent: Time, request: Request, reply: Reply) {
        match (request, reply) {
            (Request::Renew(leases), Reply::Renewed(renewals)) => {
                for (lease, renewal) in leases.into_iter().zip(renewals) {
                    self.renewed(now, sent, &lease, renewal);
                }
            }
            (Request::Claim(wanted, mode), Reply::Claimed(claims)) => {
                for (wanted, claim) in wanted.into_iter().zip(claims) {
                    self.claimed(now, sent, wanted.db, mode, claim);
                }
            }
            (Request::Release(leases), _) => {
                self.releases.drain(..leases.len().min(self.releases.len()));
            }
            (Request::Take(lease, _), Reply::Taken(renewal)) => self.taken(now, sent, &lease, renewal),
            (Request::Announce, _) => self.announce_at = now + self.times.renew_every,
            // Answers are made together with the questions.
            (Request::Renew(_) | Request::Claim(..) | Request::Take(..), _) => {}
        }
    }

    fn renewed(&mut self, now: Time, sent: Time, (db, epoch): &Lease, renewal: Renewal) {
        let renew_at = sent + self.times.renew_every;
        let new_end = self.times.over_at(sent);
        let Some(entry) = self.entries.get_mut(db).filter(|entry| entry.held_epoch() == Some(*epoch)) else { return };
        match renewal {
            Renewal::Renewed => {
                if let Standing::Mine { over_at, .. } | Standing::Parting { over_at, .. } = &mut entry.standing {
                    *over_at = new_end;
                }
                entry.ask_at = renew_at;
            }
            Renewal::Lost => self.lose(now, db, WhyLost::Replaced),
        }
    }

    fn taken(&mut self, now: Time, sent: Time, (db, epoch): &Lease, renewal: Renewal) {
        let over_at = self.times.over_at(sent);
        let renew_at = sent + self.times.renew_every;
        let next = epoch + 1;
        let Some(entry) = self.entries.get_mut(db) else {
            // Nobody wants it any more.
            if renewal == Renewal::Renewed {
                self.put_back(db.clone(), next);
            }
            return;
        };
        // Where it took too long, this hub's own record is claimed as any other is: under yet another epoch.
        if entry.taking.take_if(|taking| taking.epoch == *epoch).is_none() {
            return;
        }
        if renewal == Renewal::Renewed && now < over_at {
            let standing = Standing::Mine { epoch: next, over_at };
            *entry = Entry { standing, seen: next, ask_at: renew_at, asked_at: None, taking: None };
            self.news.push(News::Taken { db: db.clone(), epoch: next });
            return;
        }
        if entry.is_held() {
            // What this hub had parted with, another one has taken after all.
            entry.standing = Standing::Nobody(WhyNobody::GivenUp);
        }
        entry.ask_at = now;
        self.news.push(News::NotTaken { db: db.clone() });
    }

    fn claimed(&mut self, now: Time, sent: Time, db: Arc<str>, mode: Mode, claim: Claim) {
        let over_at = self.times.over_at(sent);
        let renew_at = sent + self.times.renew_every;
        let claim_later = self.claims_again_at(now, &db, mode, &claim);
        let Some(entry) = self.entries.get_mut(&db) else {
            // Nobody wants it any more.
            if let Claim::Mine { epoch } = claim {
                self.put_back(db, epoch);
            }
            return;
        };
        match claim {
            Claim::Mine { epoch } if now < over_at => {
                let standing = Standing::Mine { epoch, over_at };
                // Who leaves it to this hub comes too late.
                let taking = entry.taking.take();
                *entry = Entry { standing, seen: epoch, ask_at: renew_at, asked_at: None, taking: None };
                self.news.extend(taking.map(|_| News::NotTaken { db: db.clone() }));
                self.news.push(News::Won { db, epoch });
            }
            // This hub stood still for as long as the lease lasted.
            Claim::Mine { epoch } => {
                entry.seen = entry.seen.max(epoch);
                entry.ask_at = now;
            }
            Claim::Foreign { owner, .. } => {
                entry.seen = entry.seen.max(owner.epoch);
                entry.ask_at = claim_later;
                entry.asked_at = Some(sent);
                let standing = Standing::Foreign(owner.clone());
                if mem::replace(&mut entry.standing, standing.clone()) != standing {
                    self.news.push(News::At { db, owner });
                }
            }
            Claim::Vacant => {
                entry.ask_at = claim_later;
                self.is_nobodys(&db, WhyNobody::Asking);
            }
        }
    }

    /// When a database that is not this hub's is asked for again: when its owner's lease is over, and now and then
    /// before.
    fn claims_again_at(&self, now: Time, db: &str, mode: Mode, claim: &Claim) -> Time {
        let soon = now + self.times.renew_every;
        match claim {
            Claim::Foreign { left, .. } => soon.min(now + *left + self.stagger_of(db)),
            Claim::Vacant if mode == Mode::Look => soon.min(self.outage.careful_until() + self.stagger_of(db)),
            _ => soon,
        }
    }

    /// Another one for each hub and database, the same each time.
    fn stagger_of(&self, db: &str) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.name, db).hash(&mut hasher);
        self.times.stagger().mul_f64((hasher.finish() % 1_000) as f64 / 1_000.0)
    }

    pub(super) fn engine_failed(&mut self, now: Time, request: Request) {
        if self.outage.failed(now) {
            self.news.push(News::EngineLost);
        }
        if let Request::Claim(wanted, _) = request {
            for Wanted { db, .. } in wanted {
                self.is_nobodys(&db, WhyNobody::EngineDown);
            }
        }
        if self.is_leaving {
            // They run out by themselves.
            self.releases.clear();
        }
    }

    /// An owner that is known stays known: the engine may be down for a while, and be asked by this hub first when it
    /// is back. Should the owner be gone, another hub takes the database soon.
    pub(super) fn is_nobodys(&mut self, db: &Arc<str>, why: WhyNobody) {
        let Some(entry) = self.entries.get_mut(db) else { return };
        let is_told = matches!(&entry.standing, Standing::Nobody(told) if *told == why);
        let is_known = !matches!(entry.standing, Standing::Nobody(_));
        if !is_told && !is_known {
            entry.standing = Standing::Nobody(why);
            self.news.push(News::Nobody { db: db.clone(), why });
        }
    }

    pub(super) fn lose(&mut self, now: Time, db: &Arc<str>, why: WhyLost) {
        let Some(entry) = self.entries.get_mut(db) else { return };
        let served = entry.my_epoch();
        entry.standing = Standing::Nobody(WhyNobody::GivenUp);
        entry.ask_at = now;
        // Clients of what it has parted with have gone already.
        self.news.extend(served.map(|epoch| News::Lost { db: db.clone(), epoch, why }));
    }

    /// It is not kept any more.
    pub(super) fn dispose_of(&mut self, db: Arc<str>, entry: Entry) {
        if entry.taking.is_some() {
            self.news.push(News::NotTaken { db: db.clone() });
        }
        if let Some(epoch) = entry.my_epoch() {
            self.news.push(News::Lost { db: db.clone(), epoch, why: WhyLost::Released });
        }
        if let Some(epoch) = entry.held_epoch() {
            self.put_back(db, epoch);
        }
    }

    pub(super) fn put_back(&mut self, db: Arc<str>, epoch: u64) {
        if self.releases.len() < MAX_RELEASES {
            self.releases.push((db, epoch));
        }
    }
}
