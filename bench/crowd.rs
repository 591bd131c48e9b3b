//! A change of masters among thousands of locks and requests: what a moment of it costs must not grow with their
//! number.

use std::hint::black_box;

use acebase_ipc_server::{
    clock::Millis,
    coordination::{ClusterCoordinator, CoordinationConfig},
    hub::coordinator::{Action, Address, Coordinator, Loss, Moment},
};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput};

const MASTER: &str = "[master]";

/// Holds locks of the former master.
const HOLDER: &str = "holder00000000000000aaaa";

/// Waits for locks.
const WAITER: &str = "waiter00000000000000aaaa";

/// How many locks are held, and how many requests wait.
const MANY: u64 = 5_000;

/// Releases of one measurement.
const RELEASES: u64 = 500;

/// The master is gone. All locks but the last one are to read, and so are all requests.
fn crowd() -> ClusterCoordinator {
    let config = CoordinationConfig { introductions: false, ..Default::default() };
    let mut coordinator = ClusterCoordinator::new(config, |now| now);
    for peer in [MASTER, HOLDER, WAITER] {
        coordinator.joined(peer, None, &mut Moment::new(0, &mut Vec::new()));
    }
    for number in 0..MANY {
        let write = number == MANY - 1;
        say(&mut coordinator, HOLDER, MASTER, &lock_request(HOLDER, number, write), 0);
        say(&mut coordinator, MASTER, HOLDER, &lock_result(HOLDER, number, write), 0);
    }
    coordinator.lost(MASTER, Loss::Closed, &mut Moment::new(0, &mut Vec::new()));
    coordinator.ended(MASTER, Vec::new(), &mut Moment::new(0, &mut Vec::new()));
    for number in 0..MANY {
        say(&mut coordinator, WAITER, MASTER, &lock_request(WAITER, number, false), 0);
    }
    let status = coordinator.status();
    assert_eq!((status.fenced_locks as u64, status.held_requests as u64), (MANY, MANY));
    coordinator
}

fn say(coordinator: &mut ClusterCoordinator, from: &str, to: &str, text: &Bytes, now: Millis) -> Vec<Action> {
    let mut actions = Vec::new();
    coordinator.received(from, Address::Peer(to), text, &mut Moment::new(now, &mut actions));
    actions
}

fn lock_request(worker: &str, number: u64, write: bool) -> Bytes {
    let head = format!(r#"{{"type":"lock-request","id":"{number}","from":"{worker}","to":"{MASTER}","#);
    let data = format!(r#""path":"a/b{number}","tid":"{worker}{number}","write":{write},"comment":"c""#);
    Bytes::from(format!(r#"{head}"data":{{{data}}}}}"#))
}

fn lock_result(worker: &str, number: u64, write: bool) -> Bytes {
    let head = format!(r#"{{"type":"lock-result","id":"{number}","from":"{MASTER}","to":"{worker}","ok":true,"#);
    let data =
        format!(r#""id":{number},"path":"a/b{number}","tid":"{worker}{number}","write":{write},"expires":120000"#);
    Bytes::from(format!(r#"{head}"data":{{{data}}}}}"#))
}

fn release(number: u64) -> Bytes {
    let head = format!(r#"{{"type":"unlock-request","id":"r{number}","from":"{HOLDER}","to":"{MASTER}","#);
    Bytes::from(format!(r#"{head}"data":{{"id":{number}}}}}"#))
}

/// Measures the arrival of a master, and 500 releases, among thousands of locks and requests.
pub fn change_of_masters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("5,000 fenced locks and 5,000 held requests");
    group.sample_size(10);
    group.bench_function("arrival of a master", |bencher| {
        bencher.iter_batched_ref(
            crowd,
            |coordinator| {
                let mut actions = Vec::new();
                coordinator.joined(MASTER, None, &mut Moment::new(1, &mut actions));
                black_box(actions)
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(RELEASES));
    group.bench_function("500 releases", |bencher| {
        let crowd_with_master = || {
            let mut coordinator = crowd();
            coordinator.joined(MASTER, None, &mut Moment::new(1, &mut Vec::new()));
            coordinator
        };
        let releases: Vec<Bytes> = (0..RELEASES).map(release).collect();
        bencher.iter_batched_ref(
            crowd_with_master,
            |coordinator| {
                for release in &releases {
                    black_box(say(coordinator, HOLDER, MASTER, release, 1));
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
