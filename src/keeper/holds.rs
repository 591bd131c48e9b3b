//! A living server's side of having descriptors held: what the next server goes on with, should this one be killed.
//! They are sent to the keeper by a thread of its own, so that nobody waits for it; what it does not hold yet is lost
//! in a crash. Knows nothing of what they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::words::{Word, send, send_number};

/// Pause when the keeper does not take what is sent.
const PAUSE: Duration = Duration::from_millis(100);

/// Something that has a descriptor.
pub type Holdable = dyn AsFd + Send + Sync;

/// What a server has its keeper hold. As large as there are things that are held: whatever is released before it was
/// sent is forgotten.
pub struct Holds {
    state: Mutex<State>,
    /// There is something to send, or an end.
    news: Condvar,
    /// Nothing is being sent.
    is_idle: Condvar,
}

#[derive(Default)]
struct State {
    live: BTreeMap<u32, Weak<Holdable>>,
    last: u32,
    to_hold: BTreeSet<u32>,
    to_release: BTreeSet<u32>,
    /// The keeper is to release what the former server has left, once it has all of this one.
    forgets_remains: bool,
    is_sending: bool,
    is_over: bool,
}

/// One thing that is held, until this is dropped.
pub struct Held {
    number: u32,
    holds: Arc<Holds>,
}

/// What is to be said next.
enum Order {
    Hold(u32, Arc<Holdable>),
    Release(u32),
    ForgetRemains,
}

impl Holds {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), news: Condvar::new(), is_idle: Condvar::new() })
    }

    /// Has something held, for as long as it lives itself, and what is given back is not dropped.
    pub fn hold(self: &Arc<Self>, what: Weak<Holdable>) -> Held {
        let mut state = self.state.lock();
        let number = state.next_number();
        state.live.insert(number, what);
        state.to_hold.insert(number);
        self.news.notify_one();
        Held { number, holds: self.clone() }
    }

    /// The keeper has nothing yet of what is to be held: it is another one.
    pub(super) fn begin_anew(&self) {
        let mut state = self.state.lock();
        state.to_hold = state.live.keys().copied().collect();
        state.to_release.clear();
        self.news.notify_one();
    }

    /// What the former server has left may go, once the keeper holds what this one has.
    pub fn forget_remains(&self) {
        self.state.lock().forgets_remains = true;
        self.news.notify_one();
    }

    /// Waits until the keeper has been sent all.
    #[cfg(test)]
    pub(super) fn wait_until_all_is_sent(&self) {
        let mut state = self.state.lock();
        while state.is_sending || state.forgets_remains || !state.to_hold.is_empty() || !state.to_release.is_empty() {
            self.is_idle.wait_for(&mut state, PAUSE);
        }
    }

    /// Sends nothing more. Nothing is being sent when this returns, or the keeper stands still.
    pub fn end(&self) {
        let mut state = self.state.lock();
        state.is_over = true;
        self.news.notify_one();
        while state.is_sending {
            if self.is_idle.wait_for(&mut state, PAUSE).timed_out() {
                return;
            }
        }
    }

    /// Sends what there is to send, to the keeper that `connection` gives, until the end.
    pub(super) fn run(self: Arc<Self>, connection: impl Fn() -> Option<UnixStream> + Send + 'static) -> io::Result<()> {
        let send_all = move || {
            while let Some(order) = self.next() {
                let sent = connection().is_some_and(|keeper| order.send(&keeper).is_ok());
                if !sent {
                    // It stands still, or there is none: another one gets all anew.
                    self.put_back(order);
                    thread::sleep(PAUSE);
                }
            }
        };
        thread::Builder::new().name("acebase-holds".into()).spawn(send_all).map(drop)
    }

    fn put_back(&self, order: Order) {
        let mut state = self.state.lock();
        match order {
            Order::Hold(number, _) => drop(state.to_hold.insert(number)),
            Order::Release(number) => drop(state.to_release.insert(number)),
            Order::ForgetRemains => state.forgets_remains = true,
        }
    }

    /// Waits for what is to be said next. `None`: nothing any more.
    fn next(&self) -> Option<Order> {
        let mut state = self.state.lock();
        state.is_sending = false;
        self.is_idle.notify_all();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(order) = state.next_order() {
                state.is_sending = true;
                return Some(order);
            }
            self.news.wait(&mut state);
        }
    }
}

impl State {
    fn next_number(&mut self) -> u32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if !self.live.contains_key(&self.last) {
                return self.last;
            }
        }
    }

    fn next_order(&mut self) -> Option<Order> {
        if let Some(number) = self.to_release.pop_first() {
            return Some(Order::Release(number));
        }
        while let Some(number) = self.to_hold.pop_first() {
            if let Some(what) = self.live.get(&number).and_then(Weak::upgrade) {
                return Some(Order::Hold(number, what));
            }
        }
        std::mem::take(&mut self.forgets_remains).then_some(Order::ForgetRemains)
    }
}

impl Order {
    fn send(&self, keeper: &UnixStream) -> io::Result<()> {
        match self {
            Self::Hold(number, what) => send_number(keeper, Word::Hold, Some(*number), &[what.as_fd()]),
            Self::Release(number) => send_number(keeper, Word::Release, Some(*number), &[]),
            Self::ForgetRemains => send(keeper, Word::Forget, &[]),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.holds.state.lock();
        state.live.remove(&self.number);
        if !state.to_hold.remove(&self.number) {
            state.to_release.insert(self.number);
            self.holds.news.notify_one();
        }
    }
}
