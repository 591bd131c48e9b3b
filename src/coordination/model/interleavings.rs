//! Interleavings that are drawn at random: many short ones in every run of the tests.

use proptest::prelude::*;

use super::{super::CoordinationConfig, Ending, LOCK_TIMEOUT_MS, Step, world::World};
use crate::hub::coordinator::Loss;

/// Runs by default, in a debug build a few seconds; `PROPTEST_CASES` asks for more.
const CASES: u32 = 256;

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![2 => Just(Ending::SameMaster), 1 => Just(Ending::NewMaster), 1 => Just(Ending::NewMasterFirst)]
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        6 => prop_oneof![Just(Loss::Fin), Just(Loss::Reset)],
        2 => Just(Loss::Unreachable),
        1 => Just(Loss::Shutdown),
        1 => prop_oneof![Just(Loss::Closed), Just(Loss::Slow), Just(Loss::Kicked)],
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let worker = || 0..4_usize;
    let some = || 1..8_usize;
    let time = prop_oneof![
        4 => 1..200_u64, 3 => 200..6_000_u64, 2 => 6_000..15_000_u64, 1 => Just(LOCK_TIMEOUT_MS), 1 => Just(61_000)
    ];
    prop_oneof![
        3 => worker().prop_map(Step::Start),
        3 => (worker(), loss()).prop_map(|(worker, loss)| Step::Lose(worker, loss)),
        4 => worker().prop_map(Step::Return),
        1 => (worker(), loss()).prop_map(|(worker, loss)| Step::Die(worker, loss)),
        1 => (worker(), loss()).prop_map(|(worker, loss)| Step::Bye(worker, loss)),
        14 => (worker(), 0..3_u8, any::<bool>()).prop_map(|(worker, tid, write)| Step::Lock(worker, tid, write)),
        9 => (worker(), 0..4_usize).prop_map(|(worker, lock)| Step::Release(worker, lock)),
        3 => (worker(), 0..4_usize).prop_map(|(worker, lock)| Step::Move(worker, lock)),
        3 => (worker(), any::<bool>()).prop_map(|(worker, key)| Step::Ask(worker, key)),
        2 => worker().prop_map(Step::CreateIndex),
        1 => (worker(), any::<bool>()).prop_map(|(worker, lock)| Step::Poison(worker, lock)),
        3 => (worker(), proptest::option::of(worker())).prop_map(|(worker, to)| Step::Tell(worker, to)),
        12 => (worker(), some()).prop_map(|(worker, texts)| Step::Read(worker, texts)),
        2 => Just(Step::StartMaster),
        1 => Just(Step::TakeOver),
        4 => Just(Step::HandOver),
        6 => Just(Step::Survive),
        2 => Just(Step::StopQuietly),
        3 => Just(Step::Rival),
        1 => Just(Step::RivalLeaves),
        5 => (loss(), 0..8_usize, 0..4_usize).prop_map(|(loss, reads, writes)| Step::LoseMaster(loss, reads, writes)),
        6 => (0..2_usize).prop_map(Step::ReturnMaster),
        1 => (loss(), 0..8_usize, 0..4_usize).prop_map(|(loss, reads, writes)| Step::KillMaster(loss, reads, writes)),
        1 => Just(Step::MasterBye),
        3 => (0..2_u8, any::<bool>()).prop_map(|(tid, write)| Step::MasterLocks(tid, write)),
        4 => (0..2_usize).prop_map(Step::MasterReleases),
        16 => some().prop_map(Step::MasterReads),
        16 => some().prop_map(Step::MasterWrites),
        25 => Just(Step::Flow),
        8 => time.prop_map(Step::Pass),
    ]
}

/// What may happen where nothing but one request ends masters.
fn step_of_poison() -> impl Strategy<Value = Step> {
    let worker = || 0..4_usize;
    let some = || 1..8_usize;
    prop_oneof![
        3 => worker().prop_map(Step::Start),
        14 => (worker(), 0..3_u8, any::<bool>()).prop_map(|(worker, tid, write)| Step::Lock(worker, tid, write)),
        7 => (worker(), 0..4_usize).prop_map(|(worker, lock)| Step::Release(worker, lock)),
        3 => (worker(), any::<bool>()).prop_map(|(worker, key)| Step::Ask(worker, key)),
        2 => worker().prop_map(Step::CreateIndex),
        1 => (worker(), any::<bool>()).prop_map(|(worker, lock)| Step::Poison(worker, lock)),
        6 => Just(Step::StartMaster),
        16 => some().prop_map(Step::MasterReads),
        16 => some().prop_map(Step::MasterWrites),
        8 => (worker(), some()).prop_map(|(worker, texts)| Step::Read(worker, texts)),
        10 => Just(Step::Flow),
        4 => Just(Step::HandOver),
        2 => Just(Step::Survive),
        8 => (1..6_000_u64).prop_map(Step::Pass),
    ]
}

fn config() -> impl Strategy<Value = CoordinationConfig> {
    let max_requests = prop_oneof![3 => Just(10_000_usize), 1 => 1..6_usize];
    let resume_window = prop_oneof![5 => Just(5_000_u64), 1 => Just(0)];
    let pass_locks_for = prop_oneof![4 => Just(100_u64), 3 => Just(5_000), 1 => Just(0)];
    let introductions = prop::bool::weighted(0.9);
    (max_requests, resume_window, introductions, pass_locks_for).prop_map(
        |(max_requests, resume_window, introductions, pass_locks_for)| CoordinationConfig {
            max_requests,
            resume_window,
            introductions,
            pass_locks_for,
            ..Default::default()
        },
    )
}

pub(super) fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_promise_holds_in_every_interleaving(
        config in config(), steps in prop::collection::vec(step(), 1..200), ending in ending()
    ) {
        run(config, &steps, ending)?;
    }

    #[test]
    fn a_request_that_ends_masters_is_found_out(
        steps in prop::collection::vec(step_of_poison(), 1..200), ending in ending()
    ) {
        run(CoordinationConfig::default(), &steps, ending)?;
    }
}

fn run(config: CoordinationConfig, steps: &[Step], ending: Ending) -> Result<(), TestCaseError> {
    let mut world = World::new(config);
    for (number, step) in steps.iter().enumerate() {
        world
            .take(step)
            .and_then(|()| world.check())
            .map_err(|wrong| TestCaseError::fail(format!("step {number}, {step:?}: {wrong}")))?;
    }
    world.come_to_rest(ending).map_err(TestCaseError::fail)
}
