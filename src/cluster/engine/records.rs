//! The rules that an engine keeps, on records in memory. Pure: the time is given. The scripts of `redis` are the same
//! rules.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Claim, Lease, Mode, Owner, Renewal, Wanted};
use crate::cluster::member::Member;

/// How many leases long a hub that says nothing counts as alive.
pub const LIVES_FOR_LEASES: u32 = 3;

/// How many leases of the asking hub the record of another may last at most: hubs may have other `leaseTime`s while
/// that is being changed. One that lasts longer was made before the engine's clock was set back: a dead owner would
/// have its database until that clock is there again.
pub const LONGEST_IN_LEASES: u32 = 4;

/// All records of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Records {
    owners: BTreeMap<Arc<str>, Record>,
    /// The highest epoch of each database. Never falls, unless the engine loses writes.
    epochs: BTreeMap<Arc<str>, u64>,
    /// Each hub that lives, and until when that is believed.
    members: BTreeMap<String, (Member, Duration)>,
}

#[derive(Debug, Clone)]
struct Record {
    owner: Owner,
    until: Duration,
}

impl Records {
    /// Takes a database that nobody has, or that is `me`'s already. A hub that `resumes` goes on with its own epoch.
    pub fn claim(&mut self, wanted: &Wanted, mode: Mode, me: &Member, lease: Duration, now: Duration) -> Claim {
        if let Some(record) = self.owners.get_mut(&wanted.db) {
            record.until = without_jump(record.until, lease, now);
        }
        let record = self.record(&wanted.db, now);
        let epoch = match record {
            Some(record) if record.owner.name != me.name => {
                let left = record.until.saturating_sub(now);
                return Claim::Foreign { owner: record.owner.clone(), left };
            }
            None if mode == Mode::Look => return Claim::Vacant,
            Some(record) => record.owner.epoch,
            None => 0,
        };
        let highest = self.epochs.get(&wanted.db).copied().unwrap_or_default();
        let epoch = epoch.max(highest).max(wanted.seen) + 1;
        self.write(&wanted.db, me, epoch, now + lease);
        Claim::Mine { epoch }
    }

    /// Goes on having a database: unless somebody has got it under a higher epoch, or the same one.
    pub fn renew(&mut self, (db, epoch): &Lease, me: &Member, lease: Duration, now: Duration) -> Renewal {
        let highest = self.epochs.get(db).copied().unwrap_or_default();
        let is_mine = match self.record(db, now) {
            Some(record) if record.owner.epoch == *epoch => record.owner.name == me.name,
            // The engine has lost what this hub had, and given it to another since.
            Some(record) => record.owner.epoch < *epoch,
            None => highest <= *epoch,
        };
        if !is_mine {
            return Renewal::Lost;
        }
        self.write(db, me, *epoch, now + lease);
        Renewal::Renewed
    }

    /// Lets go of a database.
    pub fn release(&mut self, (db, epoch): &Lease, me: &Member) {
        if self.owners.get(db).is_some_and(|record| record.owner.name == me.name && record.owner.epoch == *epoch) {
            self.owners.remove(db);
        }
    }

    /// Gives what a hub has to another one, under the next epoch. Nobody has it of whom there is no record: it may have
    /// been let go of. What was done already may be done again, for its answer may have been lost.
    pub fn pass(&mut self, (db, epoch): &Lease, from: &Member, to: &Member, lease: Duration, now: Duration) -> Renewal {
        let is_as_asked = self.record(db, now).is_some_and(|Record { owner, .. }| {
            (&*owner.name, owner.epoch) == (&*from.name, *epoch)
                || (&*owner.name, owner.epoch) == (&*to.name, epoch + 1)
        });
        if !is_as_asked {
            return Renewal::Lost;
        }
        self.write(db, to, epoch + 1, now + lease);
        Renewal::Renewed
    }

    /// A hub lives. All that do.
    pub fn announce(&mut self, me: &Member, lease: Duration, now: Duration) -> Vec<Member> {
        let life = lease * LIVES_FOR_LEASES;
        self.members.retain(|_, (_, until)| *until > now);
        for (_, until) in self.members.values_mut() {
            *until = without_jump(*until, life, now);
        }
        self.members.insert(me.life.clone(), (me.clone(), now + life));
        self.members.values().map(|(member, _)| member.clone()).collect()
    }

    /// Who has a database.
    pub fn owner(&self, db: &str, now: Duration) -> Option<&Owner> {
        self.record(db, now).map(|record| &record.owner)
    }

    fn record(&self, db: &str, now: Duration) -> Option<&Record> {
        self.owners.get(db).filter(|record| record.until > now)
    }

    fn write(&mut self, db: &Arc<str>, owner: &Member, epoch: u64, until: Duration) {
        self.owners.insert(db.clone(), Record { owner: owner.as_owner(epoch), until });
        self.epochs.insert(db.clone(), epoch);
    }
}

/// Until when something is good that is so for about this long: what seems to last too long was made before the clock
/// was set back.
fn without_jump(until: Duration, span: Duration, now: Duration) -> Duration {
    if until > now + span * LONGEST_IN_LEASES { now + span } else { until }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(3);

    fn member(name: &str) -> Member {
        Member { name: name.into(), address: format!("{name}:9163"), life: format!("{name}-1") }
    }

    fn wanted(db: &str) -> Wanted {
        Wanted { db: db.into(), seen: 0 }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_has_it_until_its_lease_is_over_and_epochs_rise() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &a, LEASE, at(0)), Claim::Mine { epoch: 1 });
        let owner = Owner { name: "a".into(), address: "a:9163".into(), epoch: 1 };
        let foreign = Claim::Foreign { owner, left: Duration::from_secs(1) };
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(2)), foreign);
        assert_eq!(records.claim(&wanted("db"), Mode::Look, &b, LEASE, at(3)), Claim::Vacant);
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(3)), Claim::Mine { epoch: 2 });
        assert_eq!(records.renew(&("db".into(), 1), &a, LEASE, at(3)), Renewal::Lost);
        records.release(&("db".into(), 1), &a);
        assert_eq!(records.owner("db", at(3)).unwrap().name, "b");
        records.release(&("db".into(), 2), &b);
        assert_eq!(records.renew(&("db".into(), 1), &a, LEASE, at(3)), Renewal::Lost);
    }

    #[test]
    fn a_record_that_was_lost_is_written_again_and_the_higher_epoch_stays() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        assert_eq!(records.renew(&("db".into(), 7), &a, LEASE, at(0)), Renewal::Renewed);
        records = Records::default();
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(0)), Claim::Mine { epoch: 1 });
        assert_eq!(records.renew(&("db".into(), 7), &a, LEASE, at(0)), Renewal::Renewed);
        assert_eq!(records.renew(&("db".into(), 1), &b, LEASE, at(0)), Renewal::Lost);
        assert_eq!(
            records.claim(&Wanted { seen: 9, ..wanted("db") }, Mode::Take, &b, LEASE, at(9)),
            Claim::Mine { epoch: 10 }
        );
    }

    #[test]
    fn who_has_it_can_give_it_to_another() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        records.claim(&wanted("db"), Mode::Take, &a, LEASE, at(0));
        assert_eq!(records.pass(&("db".into(), 1), &a, &b, LEASE, at(0)), Renewal::Renewed);
        assert_eq!(records.renew(&("db".into(), 1), &a, LEASE, at(0)), Renewal::Lost);
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(0)), Claim::Mine { epoch: 3 });
        assert_eq!(records.pass(&("db".into(), 1), &a, &b, LEASE, at(0)), Renewal::Lost);
        records.release(&("db".into(), 3), &b);
        assert_eq!(records.pass(&("db".into(), 3), &b, &a, LEASE, at(0)), Renewal::Lost);
    }

    #[test]
    fn what_was_given_is_given_again_where_the_answer_was_lost_and_to_nobody_else() {
        let (mut records, a, b, c) = (Records::default(), member("a"), member("b"), member("c"));
        let lease = ("db".into(), 1);
        records.claim(&wanted("db"), Mode::Take, &a, LEASE, at(0));
        assert_eq!(records.pass(&lease, &a, &b, LEASE, at(1)), Renewal::Renewed);
        assert_eq!(records.pass(&lease, &a, &b, LEASE, at(2)), Renewal::Renewed);
        assert_eq!(records.pass(&lease, &a, &c, LEASE, at(2)), Renewal::Lost);
        assert_eq!(records.pass(&lease, &a, &a, LEASE, at(2)), Renewal::Lost);
        assert_eq!(records.owner("db", at(4)).map(|owner| (&*owner.name, owner.epoch)), Some(("b", 2)));
        assert_eq!(records.pass(&lease, &a, &b, LEASE, at(5)), Renewal::Lost);
    }

    #[test]
    fn who_says_nothing_for_three_leases_is_no_member_any_more() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        records.announce(&a, LEASE, at(0));
        assert_eq!(records.announce(&b, LEASE, at(8)), [a, b.clone()]);
        assert_eq!(records.announce(&b, LEASE, at(9)), [b]);
    }

    #[test]
    fn after_the_clock_was_set_back_a_dead_owner_keeps_its_database_for_one_lease_more() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        records.claim(&wanted("db"), Mode::Take, &a, LEASE, at(3600));
        let owner = Owner { name: "a".into(), address: "a:9163".into(), epoch: 1 };
        assert_eq!(
            records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(0)),
            Claim::Foreign { owner: owner.clone(), left: LEASE }
        );
        let later = Claim::Foreign { owner, left: Duration::from_secs(1) };
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(2)), later);
        assert_eq!(records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(3)), Claim::Mine { epoch: 2 });
    }

    #[test]
    fn a_lease_that_is_longer_than_the_asking_hubs_own_is_not_cut_short() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        let longer = LEASE * LONGEST_IN_LEASES;
        records.claim(&wanted("db"), Mode::Take, &a, longer, at(0));
        records.claim(&wanted("db"), Mode::Take, &b, LEASE, at(0));
        assert_eq!(records.owner("db", longer - Duration::from_millis(1)).unwrap().name, "a");
    }

    #[test]
    fn after_the_clock_was_set_back_a_dead_hub_is_a_member_for_three_leases_more() {
        let (mut records, a, b) = (Records::default(), member("a"), member("b"));
        records.announce(&a, LEASE, at(3600));
        assert_eq!(records.announce(&b, LEASE, at(0)), [a, b.clone()]);
        assert_eq!(records.announce(&b, LEASE, at(9)), [b]);
    }
}
