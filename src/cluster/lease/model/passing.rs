//! How databases are left from one hub to another.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{
    estate::{Course, Estate, GIVE_LIMIT, TAKE_LIMIT},
    fault::Otherwise,
    world::{LATENCY, World},
};

impl World {
    /// Whoever has the database leaves it to that hub: what it has in mind arrives after so long.
    pub(super) fn leave(&mut self, db: &'static str, to: usize, delay: Duration, otherwise: Otherwise) {
        let now = self.now;
        let mut owners = self.hubs.iter_mut().enumerate().filter(|(from, hub)| *from != to && hub.is_awake(now));
        if let Some((from, owner)) = owners.find(|(_, hub)| hub.leases.epoch_of(db).is_some())
            && let Some(epoch) = owner.leases.part_with(db)
        {
            let (life, course) = (owner.me.life.clone(), Course::UnderWay { arrives: now + delay });
            let given_up_at = now + GIVE_LIMIT;
            self.estates.push(Estate { db, epoch, from, life, to, given_up_at, otherwise, course });
        }
    }

    /// Nobody has served the database since its owner has left it.
    pub(super) fn has_taken(&mut self, index: usize, db: &str, epoch: u64) -> Result<(), TestCaseError> {
        let later = self.had.keys().filter(|(served, at)| *served == db && *at >= epoch).count();
        prop_assert!(self.has_lost_writes || later == 0, "{db} has moved on beyond what was left under {epoch}");
        self.taken += 1;
        self.serves(index, db, epoch)?;
        self.estate_is_told(index, db, true);
        Ok(())
    }

    /// A hub has taken an estate, or has not.
    pub(super) fn estate_is_told(&mut self, index: usize, db: &str, is_taken: bool) {
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
    pub(super) fn move_estates(&mut self) {
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
                    let to = self.hubs[estate.to].me.as_owner(estate.epoch + 1);
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
}
