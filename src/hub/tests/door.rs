//! Connections that have not come in yet, and those that are shown out.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::workshop::{connect, hub, hub_and_clock, say, settings};
use crate::{
    acebase::Objection,
    clock::{Clock, Millis, unix_millis},
    coordination::{ClusterCoordinator, CoordinationConfig},
    hub::{Admission, Hub, Place, Refused, Settings, coordinator::Decision},
    protocol::close::CloseReason,
};

const MASTER: &str = "[master]";
const WORKER: &str = "worker000000000000000001";

/// Longer than a peer that has said `bye` is listened to, in milliseconds.
const LONG_MS: Millis = 600;

fn coordinated() -> Settings {
    let make = || -> Box<dyn crate::hub::coordinator::Coordinator> {
        Box::new(ClusterCoordinator::new(CoordinationConfig::default(), |_| unix_millis()))
    };
    Settings { coordinators: Some(Box::new(make)), ..settings() }
}

/// Asks to come in, and what it is told then.
fn ask_in(hub: &Hub, id: &str) -> (Admission, Receiver<Decision>) {
    let (tell, told) = channel();
    let admission = hub.admit("db", id, Box::new(move |decision| drop(tell.send(decision))));
    (admission, told)
}

fn open(admission: Admission) -> Place {
    match admission {
        Admission::Open(place) => place,
        Admission::Wait(_) => panic!("it must wait"),
        Admission::Refused(refused) => panic!("{refused}"),
    }
}

fn waiting(admission: Admission) -> Place {
    match admission {
        Admission::Wait(place) => place,
        _ => panic!("it need not wait"),
    }
}

fn refused(admission: Admission) -> Refused {
    match admission {
        Admission::Refused(refused) => refused,
        _ => panic!("it is not refused"),
    }
}

#[test]
fn an_id_of_the_servers_own_is_refused_for_what_it_is() {
    let (hub, _) = hub(coordinated());
    for id in ["acebase-ipc-server", "acebase-ipc-server-mark-1-1"] {
        let refused = refused(ask_in(&hub, id).0);
        assert_eq!((refused.label(), refused), ("own-id", Refused::ByCoordinator(Objection::OwnId)));
    }
}

#[test]
fn one_master_too_many_is_refused_for_what_it_is() {
    let (hub, _) = hub(coordinated());
    let _master = connect(&hub, "db", MASTER);
    let many: Vec<_> = (0..20).map(|_| ask_in(&hub, MASTER)).collect();
    let last = many.into_iter().next_back().map(|(admission, _)| refused(admission).label());
    assert_eq!(last, Some("master"));
}

#[test]
fn a_place_is_kept_until_it_is_given_up() {
    let (hub, _) = hub(coordinated());
    let (first, _) = ask_in(&hub, MASTER);
    let first = open(first);
    hub.tick();
    let (second, told) = ask_in(&hub, MASTER);
    let second = waiting(second);
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    assert!(hub.next_deadline().is_some_and(|at| at > hub.now()), "it is not looked at again and again");
    drop(first);
    assert_eq!(told.try_recv(), Ok(Decision::LetIn));
    drop(second);
    hub.tick();
    assert!(hub.snapshot().is_empty(), "the database is forgotten");
}

#[test]
fn who_has_come_in_keeps_others_waiting() {
    let (hub, _) = hub(coordinated());
    let place = open(ask_in(&hub, MASTER).0);
    let (master, wire) = connect(&hub, "db", MASTER);
    drop(place);
    let (second, told) = ask_in(&hub, MASTER);
    let second = waiting(second);
    assert!(matches!(told.try_recv(), Ok(Decision::StandBy(_))));
    assert!(wire.news().iter().any(|text| text.contains("alive-")));
    master.lost(crate::hub::coordinator::Loss::Fin);
    assert_eq!(told.try_recv(), Ok(Decision::LetIn));
    drop(second);
}

#[test]
fn a_closed_hub_tells_nobody_and_lets_nobody_in() {
    let (hub, _) = hub(coordinated());
    let _first = open(ask_in(&hub, MASTER).0);
    let (second, told) = ask_in(&hub, MASTER);
    let _second = waiting(second);
    hub.close();
    assert_eq!(told.try_recv(), Err(TryRecvError::Disconnected));
    assert!(matches!(ask_in(&hub, MASTER).0, Admission::Refused(Refused::Stopping)));
}

#[test]
fn nobody_waits_where_nobody_coordinates() {
    let (hub, _) = hub(settings());
    open(ask_in(&hub, MASTER).0);
    open(ask_in(&hub, MASTER).0);
}

#[test]
fn a_peer_that_has_said_bye_stays_while_it_is_sending_beside_its_connection() {
    let (hub, _, clock) = hub_and_clock(coordinated());
    let (worker, wire) = connect(&hub, "db", WORKER);
    let posting = hub.peer("db", WORKER);
    say(&worker, &[&format!(r#"{{"type":"bye","from":"{WORKER}"}}"#)]);
    clock.set(clock.now() + LONG_MS);
    hub.tick();
    assert_eq!(wire.closed(), None);
    drop(posting);
    clock.set(clock.now() + LONG_MS);
    hub.tick();
    assert_eq!(wire.closed(), Some(CloseReason::Farewell));
    assert!(hub.clients("db").is_empty());
}
