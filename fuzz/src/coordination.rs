//! The coordination layer between processes that behave as the published client does.

use acebase_ipc_server::{
    coordination::{
        CoordinationConfig,
        model::{Ending, LOCK_TIMEOUT_MS, Step, World},
    },
    hub::coordinator::Loss,
};

use crate::input::Input;

/// Steps of one run. Longer runs find little more, and take longer.
const MAX_STEPS: usize = 200;

/// The bytes from this one on stand for what the master does for itself.
const FIRST_OF_MASTERS_OWN: u8 = 250;

const LOSSES: [Loss; 7] =
    [Loss::Fin, Loss::Reset, Loss::Unreachable, Loss::Closed, Loss::Slow, Loss::Kicked, Loss::Shutdown];

/// Any sequence of what can happen to a master and four workers, with any losses of connections between them.
///
/// What must hold at every step, and once all faults have ended, is said in the model: each request is answered once,
/// no two workers hold conflicting locks, order is kept, everybody knows everybody, bounds hold, and nothing is left in
/// the end.
pub fn coordination(data: &[u8]) {
    let mut input = Input::new(data);
    let config = CoordinationConfig {
        max_requests: input.pick(&[10_000, 1, 2, 5]),
        resume_window: input.pick(&[5_000, 0]),
        introductions: input.pick(&[true, false]),
        ..Default::default()
    };
    let ending = input.pick(&[Ending::SameMaster, Ending::NewMaster, Ending::NewMasterFirst]);
    let mut world = World::new(config);
    for number in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        let step = step(&mut input);
        let taken = world.take(&step).and_then(|()| world.check());
        taken.unwrap_or_else(|wrong| panic!("step {number}, {step:?}: {wrong}"));
    }
    world.come_to_rest(ending).unwrap_or_else(|wrong| panic!("{wrong}"));
}

fn step(input: &mut Input<'_>) -> Step {
    let number = input.byte();
    if number >= FIRST_OF_MASTERS_OWN {
        return match number % 2 {
            0 => Step::MasterLocks(input.below(2) as u8, input.flag()),
            _ => Step::MasterReleases(input.below(2)),
        };
    }
    match number % 25 {
        0 => Step::Start(input.below(4)),
        1 => Step::Lose(input.below(4), input.pick(&LOSSES)),
        2 => Step::Return(input.below(4)),
        3 => Step::Die(input.below(4), input.pick(&LOSSES)),
        4 => Step::Bye(input.below(4), input.pick(&LOSSES)),
        5 => Step::Lock(input.below(4), input.below(3) as u8, input.flag()),
        6 => Step::Release(input.below(4), input.below(4)),
        7 => Step::Move(input.below(4), input.below(4)),
        8 => Step::Ask(input.below(4), input.flag()),
        9 => Step::Tell(input.below(4), Some(input.below(5)).filter(|to| *to < 4)),
        10 => Step::Read(input.below(4), 1 + input.below(7)),
        11 => Step::StartMaster,
        12 => Step::TakeOver,
        13 => Step::LoseMaster(input.pick(&LOSSES), input.below(8), input.below(4)),
        14 => Step::ReturnMaster(input.below(2)),
        15 => Step::KillMaster(input.pick(&LOSSES), input.below(8), input.below(4)),
        16 => Step::MasterBye,
        17 => Step::MasterReads(1 + input.below(7)),
        18 => Step::MasterWrites(1 + input.below(7)),
        19 => Step::Flow,
        20 => Step::Pass(time(input)),
        21 => Step::Rival,
        22 => Step::RivalLeaves,
        23 => Step::CreateIndex(input.below(4)),
        // 24, 49, 74 and so on are left.
        _ if number % 50 == 49 => Step::HandOver,
        _ if number % 100 == 74 => Step::Survive,
        _ if number == 124 => Step::StopQuietly,
        _ => Step::Poison(input.below(4), input.flag()),
    }
}

/// A time in milliseconds: short ones in steps of their own, and those that the hub waits for something.
fn time(input: &mut Input<'_>) -> u64 {
    match input.byte() {
        short @ 0..200 => 1 + u64::from(short),
        long @ 200..250 => 300 * u64::from(long - 199),
        250..253 => LOCK_TIMEOUT_MS,
        _ => 61_000,
    }
}
