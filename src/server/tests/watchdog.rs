//! Whatever somebody sends, the server's thread is soon there for the others.
//!
//! A bystander in another database asks for an answer again and again. What counts is not the time that it waits, which
//! is the machine's too, but the processor time that the server's only thread takes from its question to its answer:
//! work that it had to wait for.

mod attacks;

use std::{
    fs,
    mem::ManuallyDrop,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::scope,
};

use super::*;
use crate::hub::event::{Event, Observer};
use attacks::Attack;

/// Most work of the server's thread until the bystander is served. A cluster's processes give up after 10 s of silence,
/// and nobody feels this.
const LONGEST_TURN: Duration = Duration::from_millis(100);

/// A bystander that has waited so long for an answer will get none.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the bystander goes on asking when all is sent.
const AFTERMATH: Duration = Duration::from_millis(150);

/// Notes the thread that serves connections.
#[derive(Default)]
struct ThreadFinder(OnceLock<i32>);

impl Observer for ThreadFinder {
    fn event(&self, event: Event) {
        if let Event::Connect { .. } = event {
            self.0.get_or_init(|| rustix::thread::gettid().as_raw_nonzero().get());
        }
    }
}

impl ThreadFinder {
    /// The processor time that the thread has had.
    fn work(&self) -> Duration {
        let thread = self.0.get().expect("nobody has connected");
        let figures = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).unwrap();
        Duration::from_nanos(figures.split(' ').next().unwrap().parse().unwrap())
    }
}

/// Lets each attack run on a server of its own. Those that keep its thread too long, and how long.
fn too_long(transport: &Transport, attacks: &[Attack]) -> Vec<(&'static str, Duration)> {
    let turns = attacks.iter().map(|attack| (attack.name, longest_turn(transport, attack)));
    turns.inspect(|(name, turn)| println!("{name}: {turn:?}")).filter(|(_, turn)| *turn > LONGEST_TURN).collect()
}

fn longest_turn(transport: &Transport, attack: &Attack) -> Duration {
    let finder = Arc::new(ThreadFinder::default());
    let config = Config { max_queue: attack.max_queue, ..transport.config.clone() };
    // A server whose thread does not come to an end cannot be stopped: then it is left as it is.
    let server = ManuallyDrop::new(Server::start(config, finder.clone()).unwrap());
    let port = server.port();
    let _crowd: Vec<_> = (0..attack.crowd).map(|number| transport.connect(port, &(attack.id)(number))).collect();
    let mut bystander = transport.connect_to(port, "elsewhere", "bystander");
    bystander.get_ref().socket().set_read_timeout(Some(PATIENCE)).unwrap();
    let is_over = AtomicBool::new(false);
    let (longest, is_alive) = scope(|scope| {
        let asking = scope.spawn(|| ask_until(&is_over, &mut bystander, &finder));
        let attacker = (attack.run)(transport, port);
        sleep(AFTERMATH);
        is_over.store(true, Ordering::Relaxed);
        drop(attacker);
        asking.join().unwrap()
    });
    if is_alive {
        ManuallyDrop::into_inner(server).stop();
    }
    longest
}

/// The longest turn, and whether the last question was answered.
fn ask_until(is_over: &AtomicBool, bystander: &mut WebSocket<Stream>, finder: &ThreadFinder) -> (Duration, bool) {
    let (mut longest, mut is_alive) = (Duration::ZERO, true);
    while is_alive && !is_over.load(Ordering::Relaxed) {
        let before = finder.work();
        bystander.send(Message::text("ping")).unwrap();
        is_alive = bystander.read().is_ok_and(|answer| answer == Message::text("pong"));
        longest = longest.max(finder.work() - before);
    }
    (longest, is_alive)
}

#[test]
fn no_input_keeps_the_thread() {
    assert_eq!(too_long(&Transport::plain(), &attacks::on_either_transport()), []);
}

#[test]
fn no_input_keeps_the_thread_over_tls() {
    let attacks = [attacks::on_tls(), attacks::on_either_transport()].concat();
    assert_eq!(too_long(&Transport::tls(), &attacks), []);
}

#[test]
fn no_flood_to_many_keeps_the_thread() {
    assert_eq!(too_long(&Transport::plain(), &attacks::on_a_crowd()), []);
}

#[test]
fn no_flood_to_many_keeps_the_thread_over_tls() {
    assert_eq!(too_long(&Transport::tls(), &attacks::on_a_crowd()[..2]), []);
}
