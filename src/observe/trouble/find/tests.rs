//! What is trouble and what is not, and in which words.

use super::*;
use crate::{
    acebase::{Hold, Role, Status},
    hub::Traffic,
};

const NOW: Millis = 100_000;
const UNIX: u64 = 1_000_000;

fn peer(id: &str, heard: Millis, queued: usize) -> PeerSnapshot {
    PeerSnapshot {
        id: id.into(),
        role: Role::Worker,
        connected: 0,
        is_away: false,
        is_reliable: false,
        queued,
        received: Traffic::default(),
        sent: Traffic::default(),
        round_trip: None,
        heard,
        remote: "127.0.0.1:5000".parse().ok(),
        via: None,
    }
}

fn lock(peer: &str, tid: &str, state: LockState, since: Millis) -> Lock {
    let (peer, tid) = (peer.into(), tid.into());
    let (path, comment) = ("shop/stock".into(), "set".into());
    Lock {
        id: Some(7),
        peer,
        path,
        tid,
        write: true,
        comment,
        state,
        since,
        expires: Some(UNIX + 108_000),
        passed: 0,
        has_expired: false,
    }
}

/// A database whose master is there and with whom all is well.
fn well() -> DatabaseFigures {
    let strain = Strain {
        any_acebase: true,
        master_id: "[master]",
        master: MasterState::Present,
        master_since: 1,
        fill: Fill { count: 1, max_count: 100, bytes: 1, max_bytes: 1_000 },
        ..Strain::default()
    };
    let master = Some(peer("[master]", NOW, 0));
    DatabaseFigures { name: "db".into(), peers: 2, strain, master, ..DatabaseFigures::default() }
}

/// The same with a lock that is held and waited for.
fn stuck(held: Millis, waited: Millis) -> DatabaseFigures {
    let mut database = well();
    database.strain.oldest_request = Some(waited);
    database.strain.oldest_wait = Some(lock("b", "2", LockState::Waiting, waited));
    database.strain.blocker = Some(Hold { lock: lock("a", "1", LockState::Held, held), granted: held });
    database.status = Status { waiting_locks: 7, delivered_requests: 8, held_locks: 1, ..Status::default() };
    database.holder = Some(peer("a", NOW, 0));
    database
}

fn scene<'a>(databases: &'a [DatabaseFigures]) -> Scene<'a> {
    Scene {
        now: NOW,
        own_now: NOW,
        unix: UNIX,
        databases,
        turned_away: &[],
        fault: None,
        restarted: None,
        is_stopping: false,
        asked: None,
        max_queue: 1_000_000,
        release_locks_after: 10_000,
        process_at: &|_| Some(Process { pid: 4711, command: "node x.js".into() }),
    }
}

fn found(database: DatabaseFigures) -> Vec<Trouble> {
    find(&scene(&[database]), &Thresholds::default())
}

fn kinds(troubles: &[Trouble]) -> Vec<TroubleKind> {
    troubles.iter().map(|trouble| trouble.kind).collect()
}

#[test]
fn where_all_is_well_nothing_is_told() {
    assert_eq!(found(well()), []);
    assert_eq!(found(stuck(NOW - 4_999, NOW - 4_999)), []);
}

#[test]
fn a_lock_that_others_wait_for_is_told_with_its_holder_and_what_to_do() {
    let troubles = found(stuck(NOW - 12_000, NOW - 11_000));
    assert_eq!(kinds(&troubles), [TroubleKind::LockHeld]);
    let Trouble { gravity, db, age, text, advice, .. } = &troubles[0];
    assert_eq!((*gravity, db.as_deref(), *age), (Gravity::Standstill, Some("db"), 12_000));
    assert_eq!(
        text,
        "A write lock on /shop/stock (\"set\") has been held for 12 s by a at 127.0.0.1:5000, process 4711 (node x.js), and 7 \
         wait for it, the longest for 11 s"
    );
    assert!(
        advice.starts_with("Look what process 4711 does: its transaction goes on, or never ends. If you end it, the lock is released 10 s after its end.") && advice.ends_with("It expires in 1 min 48 s"),
        "{advice}"
    );
}

#[test]
fn a_holder_that_gives_no_sign_of_life_stands_still() {
    let mut database = stuck(NOW - 12_000, NOW - 11_000);
    database.holder = Some(peer("a", NOW - 9_000, 0));
    assert!(
        found(database).remove(0).advice.starts_with("It has given no sign of life for 9 s: process 4711 stands still")
    );
    let mut database = stuck(NOW - 12_000, NOW - 11_000);
    database.holder = None;
    assert!(found(database).remove(0).advice.starts_with("Its process is gone"));
}

#[test]
fn a_silent_master_comes_before_the_lock_that_waits_for_it() {
    let mut database = stuck(NOW - 13_000, NOW - 12_000);
    database.master = Some(peer("[master]", NOW - 50_000, 0));
    let troubles = found(database);
    assert_eq!(kinds(&troubles), [TroubleKind::MasterSilent, TroubleKind::LockHeld]);
    assert!(troubles[1].advice.starts_with("See to the master first"), "{}", troubles[1].advice);
    assert_eq!(
        troubles[0].text,
        "The master has answered nothing for 12 s, and 8 requests are with it: [master] at 127.0.0.1:5000, process 4711 \
         (node x.js)"
    );
}

#[test]
fn a_master_that_owes_nothing_may_be_silent() {
    let mut database = well();
    database.master = Some(peer("[master]", 0, 0));
    assert_eq!(found(database), []);
}

#[test]
fn a_lock_that_nobody_is_seen_to_hold_is_the_masters() {
    let mut database = stuck(0, NOW - 6_000);
    (database.strain.blocker, database.status.waiting_locks) = (None, 2);
    let troubles = found(database);
    assert_eq!(kinds(&troubles), [TroubleKind::LockAwaited]);
    assert!(troubles[0].text.ends_with("has been awaited for 6 s by b, and 1 more waits"), "{}", troubles[0].text);
}

#[test]
fn who_has_just_been_granted_a_lock_is_not_blamed_for_those_who_wait_for_long() {
    let troubles = found(stuck(NOW - 29, NOW - 90_000));
    assert_eq!(kinds(&troubles), [TroubleKind::LockAwaited]);
    let Trouble { text, advice, .. } = &troubles[0];
    assert!(text.ends_with("has been awaited for 1 min 30 s by b, and 6 more wait"), "{text}");
    assert!(
        advice.starts_with("Nobody has a lock for long: they are granted one after the other, 29 ms ago to a at"),
        "{advice}"
    );
}

#[test]
fn no_master_is_trouble_when_requests_wait_or_after_a_while() {
    let without = |held_requests, since| {
        let mut database = well();
        (database.strain.master, database.strain.master_since) = (MasterState::Absent, since);
        database.status.held_requests = held_requests;
        database
    };
    assert_eq!(found(without(0, NOW - 4_999)), []);
    let [waiting, alone] = [without(3, NOW - 1_000), without(0, NOW - 5_000)].map(|database| found(database).remove(0));
    assert_eq!(waiting.text, "There has been no master for 1 s, and 3 requests wait for one");
    assert_eq!((waiting.gravity, alone.gravity), (Gravity::Standstill, Gravity::Hindrance));
    // Plain clients need none, unless somebody asks for it.
    let mut plain = without(0, 0);
    plain.strain.any_acebase = false;
    assert_eq!(found(plain.clone()), []);
    let asked = find(&Scene { asked: Some("db"), ..scene(&[plain]) }, &Thresholds::default());
    assert_eq!(asked[0].text, "There is no master");
}

#[test]
fn a_database_that_nobody_is_connected_to_is_told_to_who_asks_for_it() {
    let troubles = find(&Scene { asked: Some("mydb"), ..scene(&[]) }, &Thresholds::default());
    assert_eq!(troubles[0].text, "No client of database mydb is connected");
}

#[test]
fn a_peer_is_slow_when_much_waits_or_some_for_long() {
    for (queued, waited, is_slow) in
        [(250_000, 0, true), (249_999, 4_999, false), (70_000, 5_000, true), (FEW_BYTES - 1, 60_000, false)]
    {
        let slowest = Some((peer("slow", NOW, queued), NOW - waited));
        let troubles = found(DatabaseFigures { slowest, ..well() });
        assert_eq!(kinds(&troubles).contains(&TroubleKind::SlowClient), is_slow, "{queued} bytes for {waited} ms");
    }
}

#[test]
fn requests_are_near_their_bound_before_one_client_alone_is_refused() {
    let full = |count, bytes| {
        let mut database = well();
        database.strain.fill = Fill { count, max_count: 100, bytes, max_bytes: 1_000 };
        found(database)
    };
    assert_eq!(full(39, 399), []);
    assert_eq!(full(40, 0)[0].text, "Requests and locks are near their bound: 40 of 100, 0 B of 1000 B");
    assert_eq!(kinds(&full(0, 400)), [TroubleKind::RequestsFull]);
}

#[test]
fn a_threshold_of_0_switches_a_rule_off() {
    let mut database = stuck(0, 0);
    database.master = Some(peer("[master]", 0, 0));
    database.slowest = Some((peer("slow", 0, 1_000_000), 0));
    let never = Thresholds { slow_lock: 0, slow_master: 0, slow_client: 0 };
    assert_eq!(find(&scene(&[database]), &never), []);
}

#[test]
fn who_was_turned_away_is_told_with_the_last_address() {
    let rejection = Rejection {
        kind: TroubleKind::TokenWrong,
        db: Some("db".into()),
        remote: "127.0.0.1:5000".parse().ok(),
        count: 3,
        first: NOW - 9_000,
        last: NOW - 4_000,
        message: None,
    };
    let troubles = find(&Scene { turned_away: &[rejection], ..scene(&[]) }, &Thresholds::default());
    assert_eq!(
        troubles[0].text,
        "Clients of db that send a wrong token are refused: 3 times, the last one 4 s ago from 127.0.0.1:5000, process \
         4711 (node x.js)"
    );
}

#[test]
fn what_the_server_itself_has_is_told_for_a_minute() {
    let fault = Fault { at: NOW - 1_000, message: "A task failed".into() };
    let troubles = find(
        &Scene { fault: Some(&fault), restarted: Some(NOW - 2_000), is_stopping: true, ..scene(&[]) },
        &Thresholds::default(),
    );
    assert_eq!(kinds(&troubles), [TroubleKind::ServerFault, TroubleKind::Stopping, TroubleKind::Restarted]);
    let old = Fault { at: NOW - FAULT_MS, ..fault };
    assert_eq!(find(&Scene { fault: Some(&old), ..scene(&[]) }, &Thresholds::default()), []);
}
