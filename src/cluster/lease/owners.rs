//! What other hubs say of who has a database, while this one does not reach the engine: an owner that alone is cut off
//! gives its databases up, and its clients need not wait for the engine where the next owner can be reached. Pure.
//!
//! Nothing becomes this hub's by what others say: it learns whom to relay to, and who is wrong says so himself.

use std::{ops::Bound, sync::Arc};

use super::{
    Leases,
    entry::{Entry, Standing},
    hearsay::Hearsay,
    times::Time,
    words::{News, Word},
};
use crate::cluster::registry::EngineState;

/// Databases that are asked for at a time, each at every hub: more have their turn the next times.
const MAX_SOUGHT: usize = 16;

impl Leases {
    /// The databases of which the other hubs are to be asked now who has them; none, where nothing is due. Else
    /// [`Leases::heard`] must follow.
    pub fn asks_owners(&mut self, now: Time) -> Vec<Arc<str>> {
        if self.asks_owners_at().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let sought = self.next_sought();
        self.hearsay = Hearsay { asked_at: Some(now), is_asking: true, last: sought.last().cloned() };
        sought
    }

    /// What they have said.
    pub fn heard(&mut self, words: Vec<Word>) {
        self.hearsay.is_asking = false;
        for word in words {
            self.hear(word);
        }
    }

    fn hear(&mut self, Word { db, owner, is_own }: Word) {
        // An engine that answers knows better.
        if self.outage.state() != EngineState::Down || owner.name == self.name {
            return;
        }
        let Some(entry) = self.entries.get_mut(&db) else { return };
        let is_later = owner.epoch > entry.seen;
        let may_be = match entry.standing {
            Standing::Mine { .. } | Standing::Parting { .. } => false,
            Standing::Foreign(_) => is_later,
            // It was doubted, and says itself that it is still the one.
            Standing::Nobody(_) => is_later || is_own && owner.epoch == entry.seen,
        };
        if may_be {
            entry.seen = owner.epoch;
            entry.standing = Standing::Foreign(owner.clone());
            self.news.push(News::At { db, owner });
        }
    }

    /// When they are to be asked next; `None`: there is no reason to, or they are being asked.
    pub(super) fn asks_owners_at(&self) -> Option<Time> {
        let is_lost = self.outage.state() == EngineState::Down && self.entries.values().any(Entry::is_nobodys);
        is_lost.then(|| self.hearsay.asks_at(self.times)).flatten()
    }

    fn next_sought(&self) -> Vec<Arc<str>> {
        let sought = |from, to| {
            let range = self.entries.range::<Arc<str>, _>((from, to));
            range.filter(|(_, entry)| entry.is_nobodys()).map(|(db, _)| db.clone())
        };
        let Some(last) = &self.hearsay.last else {
            return sought(Bound::Unbounded, Bound::Unbounded).take(MAX_SOUGHT).collect();
        };
        let (after, before) = (Bound::Excluded(last), Bound::Included(last));
        sought(after, Bound::Unbounded).chain(sought(Bound::Unbounded, before)).take(MAX_SOUGHT).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::{
        engine::Claim,
        lease::{Reply, Times},
        owner::Owner,
        registry::WhyNobody,
    };

    const TIMES: Times = Times { lease: Duration::from_secs(3), renew_every: Duration::from_secs(1) };

    /// Much later than what was before.
    const LATER: Duration = Duration::from_secs(20);

    fn word(name: &str, epoch: u64, is_own: bool) -> Word {
        let owner = Owner { name: name.into(), address: format!("{name}:1"), epoch };
        Word { db: "db".into(), owner, is_own }
    }

    /// A hub that had the database under epoch 4, and does not reach the engine any more.
    fn cut_off() -> Leases {
        let mut leases = Leases::new("a", TIMES);
        leases.adopt(Time::ZERO, &"db".into(), 4);
        assert!(leases.next(LATER).is_some());
        leases.answered(LATER, None);
        leases.take_news();
        assert_eq!(leases.epoch_of("db"), None);
        leases
    }

    fn owner(leases: &Leases) -> Option<(&str, u64)> {
        leases.owner_of("db").map(|owner| (&*owner.name, owner.epoch))
    }

    #[test]
    fn a_later_owner_is_believed_and_none_that_was_before_or_is_this_hub() {
        for (word, believed) in [
            (word("b", 5, false), true),
            (word("b", 4, false), false),
            (word("b", 3, true), false),
            (word("a", 9, true), false),
        ] {
            let mut leases = cut_off();
            assert_eq!(leases.asks_owners(LATER), [Arc::<str>::from("db")]);
            let asks_at = leases.entries["db"].ask_at;
            leases.heard(vec![word.clone()]);
            assert_eq!(owner(&leases).is_some(), believed, "{word:?}");
            assert_eq!(leases.take_news().len(), usize::from(believed));
            assert_eq!(leases.entries["db"].ask_at, asks_at, "the engine is asked as before");
        }
    }

    #[test]
    fn the_latest_of_several_is_believed_in_whatever_order() {
        for words in [[word("b", 5, true), word("c", 6, false)], [word("c", 6, false), word("b", 5, true)]] {
            let mut leases = cut_off();
            leases.heard(words.to_vec());
            assert_eq!(owner(&leases), Some(("c", 6)));
        }
    }

    #[test]
    fn who_is_doubted_is_nobody_and_must_say_so_himself() {
        let mut leases = cut_off();
        leases.heard(vec![word("b", 5, false)]);
        leases.take_news();
        leases.doubt(LATER, &"db".into(), 4);
        assert_eq!(owner(&leases), Some(("b", 5)));
        leases.doubt(LATER, &"db".into(), 5);
        assert_eq!(leases.take_news(), [News::Nobody { db: "db".into(), why: WhyNobody::EngineDown }]);
        leases.heard(vec![word("b", 5, false)]);
        assert_eq!(owner(&leases), None);
        leases.heard(vec![word("b", 5, true)]);
        assert_eq!(owner(&leases), Some(("b", 5)));
    }

    #[test]
    fn what_this_hub_has_is_its_own_whatever_others_say() {
        let mut leases = Leases::new("a", TIMES);
        leases.adopt(Time::ZERO, &"db".into(), 4);
        assert!(leases.next(Time::ZERO).is_some());
        leases.answered(Time::ZERO, None);
        assert_eq!(leases.asks_owners(Time::ZERO), Vec::<Arc<str>>::new());
        leases.heard(vec![word("b", 5, true)]);
        assert_eq!(leases.epoch_of("db"), Some(4));
        leases.part_with("db");
        leases.heard(vec![word("b", 5, true)]);
        assert_eq!(owner(&leases), None);
    }

    #[test]
    fn an_engine_that_answers_knows_better() {
        let mut leases = cut_off();
        assert!(!leases.asks_owners(LATER).is_empty());
        let later = LATER + TIMES.retry();
        assert!(leases.next(later).is_some());
        leases.answered(later, Some(Reply::Claimed(vec![Claim::Vacant])));
        leases.heard(vec![word("b", 5, true)]);
        assert_eq!(owner(&leases), None);
        assert!(leases.asks_owners(later + LATER).is_empty());
    }

    #[test]
    fn the_others_are_asked_now_and_then_one_round_at_a_time_and_for_each_database_in_turn() {
        let mut leases = cut_off();
        leases.forget("db");
        for number in 0..2 * MAX_SOUGHT + 1 {
            leases.want(LATER, &format!("{number:02}").into());
        }
        let mut now = LATER;
        let mut sought = leases.asks_owners(now);
        assert_eq!(sought.len(), MAX_SOUGHT);
        assert!(leases.asks_owners(now + LATER).is_empty(), "they have not answered");
        leases.heard(Vec::new());
        assert!(leases.asks_owners(now).is_empty(), "they have just been asked");
        for _ in 0..2 {
            now += TIMES.ask_neighbours_every();
            sought.extend(leases.asks_owners(now));
            leases.heard(Vec::new());
        }
        sought.sort();
        sought.dedup();
        assert_eq!(sought.len(), 2 * MAX_SOUGHT + 1);
    }
}
