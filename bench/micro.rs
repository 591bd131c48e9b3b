//! Micro-benchmarks of the layers without I/O, so that a regression shows where it is: `cargo bench`.

mod crowd;

use std::{hint::black_box, io::IoSlice, sync::Arc, time::Duration};

use acebase_ipc_server::{
    clock::SystemClock,
    coordination::{ClusterCoordinator, CoordinationConfig},
    hub::{
        Greeting, Hub, Outbox, PeerHandle, Settings,
        coordinator::Coordinator,
        event::Deaf,
        transport::{LinkId, Transport},
    },
    protocol::{Inbound, Text, close::CloseReason, reliable::Offer},
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// The id of the peer that sends in these benchmarks; it has AceBase's form, as have the others'.
const SENDER: &str = "sender00000000000000aaaa";

/// A connection that takes everything at once.
struct Sink {
    link: LinkId,
    outbox: Arc<Outbox>,
}

impl Transport for Sink {
    fn flush(&self) {
        let all = |slices: &[IoSlice<'_>]| Ok(slices.iter().map(|slice| slice.len()).sum());
        self.outbox.write_with(self.link, all);
        self.outbox.trim_if_due();
    }

    fn close(&self, _: CloseReason) {}

    fn acknowledged(&self) -> Option<u64> {
        Some(u64::MAX)
    }

    fn delivered(&self) -> Option<u64> {
        Some(u64::MAX)
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

fn hub(coordinated: bool) -> Hub {
    let settings = Settings {
        max_queue: 1 << 27,
        max_payload: 16_384,
        download_large: false,
        coordinators: coordinated.then(|| -> Box<dyn Fn() -> Box<dyn Coordinator> + Send + Sync> {
            Box::new(|| Box::new(ClusterCoordinator::new(CoordinationConfig::default(), |now| now)))
        }),
    };
    Hub::new(settings, Arc::new(Deaf), Arc::new(SystemClock::start()), Box::new(|| {}))
}

fn connect(hub: &Hub, id: &str) -> PeerHandle {
    connect_by(hub, id, &Greeting::published(16_384))
}

fn connect_by(hub: &Hub, id: &str, greeting: &Greeting) -> PeerHandle {
    match hub.connect("db", id, greeting, |link, outbox| Arc::new(Sink { link, outbox })) {
        Ok(peer) => peer,
        Err(refused) => panic!("{refused}"),
    }
}

fn receiver(number: usize) -> String {
    format!("receiver{number:04}00000000aaaa")
}

/// A message of about 150 bytes, as AceBase writes it.
fn notification() -> String {
    let path = "x".repeat(40);
    format!(r#"{{"type":"notification","from":"{SENDER}","data":{{"type":"cache.invalidate","path":"{path}"}}}}"#)
}

fn parsing(criterion: &mut Criterion) {
    let direct = format!("to:{SENDER};{}", notification());
    let mut group = criterion.benchmark_group("protocol");
    group.bench_function("address of a direct message", |bencher| bencher.iter(|| Inbound::parse(black_box(&direct))));
    group.finish();
}

fn routing(criterion: &mut Criterion) {
    const BURST: usize = 32;
    for coordinated in [false, true] {
        let hub = hub(coordinated);
        let sender = connect(&hub, SENDER);
        let _receivers: Vec<_> = (0..64).map(|number| connect(&hub, &receiver(number))).collect();
        let broadcast: Vec<Text> = vec![notification().into(); BURST];
        let direct: Vec<Text> = vec![format!("to:{};{}", receiver(7), notification()).into(); BURST];
        let suffix = if coordinated { ", coordinated" } else { "" };
        let mut group = criterion.benchmark_group("hub");
        group.throughput(Throughput::Elements(BURST as u64 * 64));
        group.bench_function(format!("32 broadcasts to 64 peers{suffix}"), |bencher| {
            bencher.iter_batched(
                || broadcast.clone(),
                |burst| sender.receive(burst.into_iter()),
                BatchSize::SmallInput,
            );
        });
        group.throughput(Throughput::Elements(BURST as u64));
        group.bench_function(format!("32 direct messages{suffix}"), |bencher| {
            bencher.iter_batched(|| direct.clone(), |burst| sender.receive(burst.into_iter()), BatchSize::SmallInput);
        });
        group.finish();
    }
}

/// The same as routing, between peers that make sure of each message: each acknowledges a burst at once.
fn routing_exactly_once(criterion: &mut Criterion) {
    const BURST: usize = 32;
    const RECEIVERS: usize = 64;
    let hub = hub(true);
    let join = |id: &str| {
        let offer = Some(Offer { life: format!("lifeOf{id}"), session: None, had: 0 });
        connect_by(&hub, id, &Greeting { max_payload: 16_384, max_message: 1 << 20, offer })
    };
    let sender = join(SENDER);
    let receivers: Vec<_> = (0..RECEIVERS).map(|number| join(&receiver(number))).collect();
    // What they are told as others join.
    let mut had: Vec<usize> = receivers.iter().map(|peer| unacknowledged(&hub, peer)).collect();
    let mut number = 0;
    let mut group = criterion.benchmark_group("hub");
    for (name, address, meant) in [
        ("32 broadcasts to 64 peers, exactly once", String::new(), 0..RECEIVERS),
        ("32 direct messages, exactly once", format!("to:{};", receiver(7)), 7..8),
    ] {
        group.throughput(Throughput::Elements((BURST * meant.len()) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let burst = (0..BURST).map(|_| {
                    number += 1;
                    Text::from(format!("#{number} {address}{}", notification()))
                });
                sender.receive(burst);
                for at in meant.clone() {
                    had[at] += BURST;
                    say(&receivers[at], format!("={}", had[at]));
                }
            });
        });
    }
    group.finish();
}

/// How many frames a peer has been sent so far.
fn unacknowledged(hub: &Hub, peer: &PeerHandle) -> usize {
    let clients = hub.clients("db");
    let client = clients.iter().find(|client| *client.id == *peer.id());
    client.map_or(0, |client| client.sent.messages as usize)
}

/// A lock and its release, with both answers: four messages.
fn locking(criterion: &mut Criterion) {
    let hub = hub(true);
    let master = connect(&hub, "[master]");
    let worker = connect(&hub, SENDER);
    let mut number = 0u64;
    criterion.benchmark_group("coordination").bench_function("lock and release", |bencher| {
        bencher.iter(|| {
            number += 1;
            let head = format!(r#""id":"{number}","from":"{SENDER}","to":"[master]""#);
            let answer = format!(r#""id":"{number}","from":"[master]","to":"{SENDER}","ok":true"#);
            let lock = format!(
                r#"to:[master];{{"type":"lock-request",{head},"data":{{"path":"a/b","write":true,"tid":"t","comment":"c"}}}}"#
            );
            let grant = format!(
                r#"to:{SENDER};{{"type":"lock-result",{answer},"data":{{"id":{number},"path":"a/b","write":true,"tid":"t","expires":1,"comment":"c"}}}}"#
            );
            say(&worker, lock);
            say(&master, grant);
            say(&worker, format!(r#"to:[master];{{"type":"unlock-request",{head},"data":{{"id":{number}}}}}"#));
            say(&master, format!(r#"to:{SENDER};{{"type":"unlock-result",{answer},"data":{{"id":{number}}}}}"#));
        });
    });
}

fn say(peer: &PeerHandle, text: String) {
    peer.receive(std::iter::once(text.into()));
}

criterion_group!(benches, parsing, routing, routing_exactly_once, locking, crowd::change_of_masters);
criterion_main!(benches);
