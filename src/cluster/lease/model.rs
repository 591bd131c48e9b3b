//! Several hubs and one engine, with whatever can happen to them: the hubs stand still, die and come back, the engine
//! is down, is cut off from some, answers late, and loses its last writes. Owners leave databases to others meanwhile,
//! and hubs that do not reach the engine ask others who has what.

mod estate;
mod fault;
mod passing;
mod world;

use std::time::Duration;

use proptest::{collection::vec, prelude::*};

use fault::{Fault, Otherwise};
use world::{DATABASES, HUBS, TROUBLED_FOR, World};

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

/// An owner that alone is cut off knows the next one while it still is.
#[test]
fn an_owner_that_alone_is_cut_off_relays_to_the_next_one() {
    let mut world = World::new();
    let at = |seconds: u64| Duration::from_millis(1_000 * seconds);
    world.run_until(at(5), &[]).unwrap();
    let owner = world.hubs.iter().position(|hub| hub.leases.epoch_of(DATABASES[0]).is_some()).unwrap();
    let cut_off = [(at(5), Fault::CutOff(owner, at(20)))];
    world.run_until(at(10), &cut_off).unwrap();
    let next = world.hubs.iter().find(|hub| hub.leases.epoch_of(DATABASES[0]).is_some()).unwrap();
    let known = world.hubs[owner].leases.owner_of(DATABASES[0]);
    assert!(next.me.name != world.hubs[owner].me.name && !world.reaches_engine(owner));
    assert_eq!(known.map(|owner| &owner.name), Some(&next.me.name));
    // What it has heard of dies: it hears of the one after.
    let second = world.hubs.iter().position(|hub| hub.leases.epoch_of(DATABASES[0]).is_some()).unwrap();
    world.run_until(at(16), &[(at(10), Fault::Kill(second, at(20)))]).unwrap();
    let third = 3 - owner - second;
    let known = world.hubs[owner].leases.owner_of(DATABASES[0]);
    assert_eq!(known.map(|owner| &owner.name), Some(&world.hubs[third].me.name));
}
