//! What leases do, step by step.

use std::time::Duration;

use super::*;
use crate::cluster::{
    engine::{Claim, Renewal},
    registry::Owner,
};

const LEASE: Duration = Duration::from_secs(3);
const RENEW: Duration = Duration::from_secs(1);

fn ms(count: u64) -> Time {
    Duration::from_millis(count)
}

/// A hub whose careful start is over.
fn hub() -> (Leases, Time) {
    let mut leases = Leases::new("a", Times { lease: LEASE, renew_every: RENEW });
    let now = ms(0);
    assert_eq!(leases.next(now), Some(Request::Announce));
    leases.answered(now, Some(Reply::Done));
    let now = RENEW;
    assert_eq!(leases.next(now), Some(Request::Announce));
    leases.answered(now, Some(Reply::Done));
    (leases, now)
}

fn owner(epoch: u64) -> Owner {
    Owner { name: "b".into(), address: "b:1".into(), epoch }
}

fn claim(seen: u64) -> Request {
    Request::Claim(vec![Wanted { db: "db".into(), seen }], Mode::Take)
}

fn answer_claim(leases: &mut Leases, now: Time, claim: Claim) {
    assert!(matches!(leases.next(now), Some(Request::Claim(..))));
    leases.answered(now, Some(Reply::Claimed(vec![claim])));
}

/// A hub that has the database under epoch 1.
fn owning() -> (Leases, Time) {
    let (mut leases, now) = hub();
    leases.want(now, &"db".into());
    answer_claim(&mut leases, now, Claim::Mine { epoch: 1 });
    assert_eq!(leases.take_news(), [News::Won { db: "db".into(), epoch: 1 }]);
    (leases, now)
}

#[test]
fn a_database_that_is_wanted_is_claimed_at_once_and_renewed_in_time() {
    let (mut leases, start) = owning();
    assert_eq!(leases.next(start + RENEW - ms(1)), None);
    assert_eq!(leases.deadline(), start + RENEW);
    assert_eq!(leases.next(start + RENEW), Some(Request::Renew(vec![("db".into(), 1)])));
    leases.answered(start + RENEW, Some(Reply::Renewed(vec![Renewal::Renewed])));
    leases.tick(start + LEASE + RENEW / 2);
    assert_eq!(leases.epoch_of("db"), Some(1));
    assert!(leases.take_news().is_empty());
}

#[test]
fn a_lease_counts_from_when_it_was_asked_for() {
    let (mut leases, now) = hub();
    leases.want(now, &"db".into());
    assert_eq!(leases.next(now), Some(claim(0)));
    // The process stood still.
    leases.answered(now + LEASE, Some(Reply::Claimed(vec![Claim::Mine { epoch: 1 }])));
    assert_eq!((leases.epoch_of("db"), leases.take_news()), (None, vec![]));
}

#[test]
fn who_cannot_renew_gives_up_before_the_engine_does() {
    let (mut leases, start) = owning();
    let mut now = start + RENEW;
    while leases.epoch_of("db").is_some() {
        assert!(now < start + LEASE, "{now:?}");
        if leases.next(now).is_some() {
            leases.answered(now + ms(1), None);
        }
        now = leases.deadline().max(now + ms(1));
        leases.tick(now);
        if leases.asks_neighbours(now) {
            leases.neighbours_said(now, now, Verdict { yes: 1, no: 1, asked: 2 });
        }
    }
    let news = leases.take_news();
    assert_eq!(news[0], News::EngineLost);
    assert!(news.contains(&News::Lost { db: "db".into(), epoch: 1, why: WhyLost::Expired }));
}

#[test]
fn who_cannot_renew_because_nobody_can_goes_on_and_renews_first_of_all() {
    let (mut leases, start) = owning();
    let (mut now, end) = (start + RENEW, start + 10 * LEASE);
    while now < end {
        if leases.next(now).is_some() {
            leases.answered(now, None);
        }
        if leases.asks_neighbours(now) {
            leases.neighbours_said(now, now, Verdict { yes: 0, no: 1, asked: 2 });
        }
        now = leases.deadline().max(now + ms(1));
        leases.tick(now);
    }
    assert_eq!(leases.epoch_of("db"), Some(1));
    let now = leases.deadline();
    leases.want(now, &"another".into());
    assert_eq!(leases.next(now), Some(Request::Renew(vec![("db".into(), 1)])));
    leases.answered(now, Some(Reply::Renewed(vec![Renewal::Renewed])));
    let wanted = vec![Wanted { db: "another".into(), seen: 0 }];
    assert_eq!(leases.next(now), Some(Request::Claim(wanted, Mode::Look)));
    assert_eq!(leases.take_news(), [News::EngineLost, News::EngineBack]);
}

#[test]
fn a_majority_must_say_that_the_engine_is_down_and_nobody_that_it_is_not() {
    for (yes, no, asked, goes_on) in
        [(0, 0, 0, true), (0, 0, 1, false), (0, 1, 2, true), (0, 0, 2, false), (1, 3, 4, false), (0, 2, 4, true)]
    {
        let (mut leases, start) = owning();
        let now = start + 2 * RENEW;
        assert!(leases.next(now).is_some());
        leases.answered(now, None);
        assert!(leases.asks_neighbours(now));
        leases.neighbours_said(now, now, Verdict { yes, no, asked });
        leases.tick(start + LEASE);
        assert_eq!(leases.epoch_of("db").is_some(), goes_on, "{yes} {no} {asked}");
    }
}

#[test]
fn who_hears_that_another_hub_reaches_the_engine_again_goes_on_while_that_one_claims_nothing() {
    for (no, asked, goes_on) in [(2, 2, true), (2, 3, false)] {
        let (mut leases, start) = owning();
        let said = start + 2 * LEASE;
        assert!(leases.next(start + RENEW).is_some());
        leases.answered(start + RENEW, None);
        leases.neighbours_said(start + RENEW, said, Verdict { yes: 0, no, asked });
        leases.neighbours_said(said + RENEW, said + RENEW, Verdict { yes: 1, no: asked - 1, asked });
        assert_eq!(leases.epoch_of("db").is_some(), goes_on, "{no} of {asked} had said that it is down");
        // Whoever reached it since then claims from here on.
        leases.tick(said + LEASE);
        assert_eq!(leases.epoch_of("db"), None);
    }
}

#[test]
fn another_hub_s_database_is_asked_for_again_when_its_lease_is_over_and_when_it_is_doubted() {
    let (mut leases, now) = hub();
    leases.want(now, &"db".into());
    answer_claim(&mut leases, now, Claim::Foreign { owner: owner(4), left: ms(100) });
    assert_eq!(leases.take_news(), [News::At { db: "db".into(), owner: owner(4) }]);
    let next = leases.deadline();
    assert!((now + ms(100)..=now + ms(300)).contains(&next), "{next:?}");
    assert_eq!(leases.next(next), Some(claim(4)));
    leases.answered(next, Some(Reply::Claimed(vec![Claim::Foreign { owner: owner(4), left: LEASE }])));
    assert!(leases.take_news().is_empty());
    leases.doubt(next, &"db".into(), 3);
    assert!(leases.deadline() > next + RETRY);
    // It has just been asked.
    leases.doubt(next, &"db".into(), 4);
    assert_eq!(leases.deadline(), next + RETRY / 2);
    let next = next + RETRY / 2;
    answer_claim(&mut leases, next, Claim::Foreign { owner: owner(4), left: LEASE });
    leases.doubt(next + RETRY, &"db".into(), 4);
    answer_claim(&mut leases, next + RETRY, Claim::Mine { epoch: 5 });
    assert_eq!(leases.take_news(), [News::Won { db: "db".into(), epoch: 5 }]);
}

const RETRY: Duration = Duration::from_millis(250);

#[test]
fn who_was_replaced_loses_it_and_asks_whose_it_is() {
    let (mut leases, start) = owning();
    let now = start + RENEW;
    assert!(leases.next(now).is_some());
    leases.answered(now, Some(Reply::Renewed(vec![Renewal::Lost])));
    assert_eq!(leases.take_news(), [News::Lost { db: "db".into(), epoch: 1, why: WhyLost::Replaced }]);
    assert_eq!(leases.next(now), Some(claim(1)));
}

#[test]
fn what_nobody_wants_any_more_is_released_also_where_it_comes_late() {
    let (mut leases, now) = owning();
    leases.forget("db");
    assert_eq!(leases.next(now), Some(Request::Release(vec![("db".into(), 1)])));
    leases.answered(now, Some(Reply::Done));
    leases.want(now, &"db".into());
    assert_eq!(leases.next(now), Some(claim(0)));
    leases.forget("db");
    leases.answered(now, Some(Reply::Claimed(vec![Claim::Mine { epoch: 2 }])));
    assert_eq!(leases.next(now), Some(Request::Release(vec![("db".into(), 2)])));
}

#[test]
fn who_leaves_releases_all_and_claims_nothing() {
    let (mut leases, now) = owning();
    leases.leave();
    leases.want(now, &"another".into());
    assert!(!leases.has_left());
    assert_eq!(leases.next(now), Some(Request::Release(vec![("db".into(), 1)])));
    leases.answered(now, Some(Reply::Done));
    assert!(leases.has_left());
    assert_eq!(leases.next(now + LEASE), None);
}

#[test]
fn who_goes_on_for_a_former_process_renews_before_anything_else() {
    let mut leases = Leases::new("a", Times { lease: LEASE, renew_every: RENEW });
    leases.adopt(ms(0), &"db".into(), 7);
    leases.want(ms(0), &"another".into());
    assert_eq!(leases.next(ms(0)), Some(Request::Renew(vec![("db".into(), 7)])));
    leases.answered(ms(5), Some(Reply::Renewed(vec![Renewal::Renewed])));
    assert_eq!(leases.take_news(), [News::Won { db: "db".into(), epoch: 7 }]);
    assert_eq!(leases.epoch_of("db"), Some(7));
}

#[test]
fn a_hub_that_starts_or_comes_back_takes_nothing_before_owners_have_had_time_to_renew() {
    let mut leases = Leases::new("a", Times { lease: LEASE, renew_every: RENEW });
    leases.want(ms(0), &"db".into());
    let wanted = vec![Wanted { db: "db".into(), seen: 0 }];
    assert_eq!(leases.next(ms(0)), Some(Request::Claim(wanted.clone(), Mode::Look)));
    leases.answered(ms(0), Some(Reply::Claimed(vec![Claim::Vacant])));
    let now = loop {
        let now = leases.deadline();
        match leases.next(now) {
            Some(Request::Claim(_, Mode::Take)) => break now,
            Some(Request::Claim(_, Mode::Look)) => leases.answered(now, Some(Reply::Claimed(vec![Claim::Vacant]))),
            _ => leases.answered(now, Some(Reply::Done)),
        }
    };
    assert!((RENEW..=RENEW + RENEW / 4).contains(&now), "{now:?}");
    leases.answered(now, Some(Reply::Claimed(vec![Claim::Foreign { owner: owner(1), left: LEASE }])));
    // It stood still.
    let now = now + 2 * LEASE;
    assert!(leases.next(now).is_some());
    leases.answered(now, Some(Reply::Claimed(vec![Claim::Foreign { owner: owner(1), left: ms(0) }])));
    assert!(matches!(leases.next(now + RENEW), Some(Request::Claim(_, Mode::Look))));
}

fn former() -> Member {
    Member { name: "b".into(), address: "b:1".into(), life: "b-1".into() }
}

#[test]
fn what_another_hub_leaves_is_taken_before_anything_is_claimed() {
    let (mut leases, now) = hub();
    let lease: Lease = ("db".into(), 7);
    leases.want(now, &lease.0);
    answer_claim(&mut leases, now, Claim::Foreign { owner: owner(7), left: LEASE });
    leases.take_news();
    assert!(leases.take(now, &lease, former(), now + RENEW));
    assert!(!leases.take(now, &lease, former(), now + RENEW), "it is under way already");
    assert_eq!(leases.next(now), Some(Request::Take(lease.clone(), former())));
    // It may have been done: it is asked again.
    leases.answered(now, None);
    let now = now + RENEW / 4;
    assert_eq!(leases.next(now), Some(Request::Take(lease, former())));
    leases.answered(now, Some(Reply::Taken(Renewal::Renewed)));
    let news = leases.take_news();
    assert!(news.contains(&News::Taken { db: "db".into(), epoch: 8 }), "{news:?}");
    assert_eq!(leases.epoch_of("db"), Some(8));
}

#[test]
fn an_answer_that_comes_too_late_takes_nothing() {
    let (mut leases, now) = hub();
    let lease: Lease = ("db".into(), 7);
    assert!(leases.take(now, &lease, former(), now + ms(100)));
    assert!(matches!(leases.next(now), Some(Request::Take(..))));
    assert_eq!(leases.deadline(), now + ms(100));
    leases.tick(now + ms(100));
    assert_eq!(leases.take_news(), [News::NotTaken { db: "db".into() }]);
    leases.answered(now + ms(110), Some(Reply::Taken(Renewal::Renewed)));
    assert_eq!((leases.epoch_of("db"), leases.take_news()), (None, vec![]));
    // Its own record is claimed, and begun anew.
    assert!(matches!(leases.next(now + ms(110)), Some(Request::Claim(..))));
}

#[test]
fn what_is_parted_with_is_held_and_not_served() {
    let (mut leases, start) = owning();
    let lease: Lease = ("db".into(), 1);
    assert_eq!((leases.part_with("db"), leases.part_with("db")), (Some(1), None));
    assert_eq!(leases.epoch_of("db"), None);
    assert_eq!(leases.next(start + RENEW), Some(Request::Renew(vec![lease.clone()])));
    leases.answered(start + RENEW, Some(Reply::Renewed(vec![Renewal::Renewed])));
    assert!(leases.take_news().is_empty());
    leases.has_given(start + RENEW, &lease, owner(2));
    assert_eq!(leases.take_news(), [News::At { db: "db".into(), owner: owner(2) }]);
    // Who hears of it twice, or after something else, believes what it knows.
    leases.has_given(start + RENEW, &lease, owner(2));
    leases.give_up(start + RENEW, &lease);
    assert!(leases.take_news().is_empty() && leases.has_left());
}

#[test]
fn a_hub_that_leaves_lets_go_of_what_it_has_parted_with() {
    let (mut leases, now) = owning();
    leases.part_with("db");
    leases.leave();
    assert_eq!(leases.next(now), Some(Request::Release(vec![("db".into(), 1)])));
}
