//! Interleavings that are drawn at random: many short ones in every run of the tests.

use proptest::prelude::*;

use super::{CLIENTS, Step, World};

/// Runs by default; `PROPTEST_CASES` asks for more.
const CASES: u32 = 256;

fn step() -> impl Strategy<Value = Step> {
    let client = || 0..CLIENTS;
    let count = || prop_oneof![4 => 1..4_usize, 1 => Just(100)];
    let time = prop_oneof![4 => 1..100_u64, 2 => 100..4_000_u64, 1 => 4_000..12_000_u64];
    prop_oneof![
        30 => (client(), proptest::option::weighted(0.6, client())).prop_map(|(at, to)| Step::Say(at, to)),
        6 => (client(), client()).prop_map(|(at, to)| Step::Ask(at, to)),
        24 => (client(), count()).prop_map(|(at, count)| Step::Deliver(at, count)),
        24 => (client(), count()).prop_map(|(at, count)| Step::Read(at, count)),
        10 => client().prop_map(Step::Acknowledge),
        3 => client().prop_map(Step::Ping),
        6 => client().prop_map(Step::Cut),
        10 => client().prop_map(Step::Connect),
        2 => Just(Step::Crash),
        2 => Just(Step::HandOver),
        4 => Just(Step::Survive),
        4 => time.prop_map(Step::Pass),
    ]
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn nothing_is_lost_or_doubled_in_any_interleaving(
        is_tight in prop::bool::weighted(0.2),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut world = World::new(is_tight);
        for (number, step) in steps.iter().enumerate() {
            let taken = world.take(*step);
            taken.map_err(|wrong| TestCaseError::fail(format!("step {number}, {step:?}: {wrong}")))?;
        }
        world.come_to_rest().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn a_hub_that_is_killed_once_too_much_waits_for_who_may_be_back_is_gone_on_with() {
    use Step::{Connect, Crash, Deliver, Read, Say, Survive};
    let before = [Say(2, None), Say(2, None), Say(0, None), Say(0, None), Crash, Say(0, None), Say(2, None)];
    let after = [Connect(1), Connect(2), Read(2, 1), Deliver(2, 100), Survive];
    let mut world = World::new(true);
    before.into_iter().chain(after).for_each(|step| world.take(step).unwrap_or_else(|wrong| panic!("{wrong}")));
    world.come_to_rest().unwrap_or_else(|wrong| panic!("{wrong}"));
}
