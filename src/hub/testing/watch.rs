//! A coordinator that a test can look at while the hub has it. The only place in which tests meet the trait.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    acebase::{Lock, Role, Status},
    clock::Millis,
    hub::{
        CoordinatorFactory,
        coordinator::{Action, Address, Coordinator, Entry, Fate, Incumbent, Loss, Return, Ticket, Verdict},
    },
};

/// The coordinator of a hub's only database. When the hub forgets the database, this is the last one that it had, and
/// then the next.
pub struct Watch<C>(Arc<Mutex<Watched<C>>>);

/// A coordinator, and what of its decisions the hub's public face does not show.
#[derive(Debug)]
pub struct Watched<C> {
    /// The coordinator itself.
    pub coordinator: C,
    verdict: Option<Verdict>,
    identified: Option<bool>,
    identifying: Option<String>,
}

impl<C: Coordinator + 'static> Watch<C> {
    /// Watches what `make` makes, for the hub that gets the factory.
    pub fn new(make: impl Fn() -> C + Send + Sync + 'static) -> (Self, CoordinatorFactory) {
        let watch = Self(Arc::new(Mutex::new(Watched::new(make()))));
        let shared = watch.0.clone();
        let factory = Box::new(move || -> Box<dyn Coordinator> {
            *shared.lock() = Watched::new(make());
            Box::new(Watch(shared.clone()))
        });
        (watch, factory)
    }

    /// Looks at it. The hub waits meanwhile.
    pub fn look(&self) -> MutexGuard<'_, Watched<C>> {
        self.0.lock()
    }

    /// Asks it, and takes note of what it wants done.
    fn ask<R>(&self, out: &mut Vec<Action>, ask: impl FnOnce(&mut C, &mut Vec<Action>) -> R) -> R {
        let mut watched = self.0.lock();
        let before = out.len();
        let answer = ask(&mut watched.coordinator, out);
        out[before..].iter().for_each(|action| watched.notes(action));
        answer
    }
}

impl<C> Watched<C> {
    fn new(coordinator: C) -> Self {
        Self { coordinator, verdict: None, identified: None, identifying: None }
    }

    /// What became of the last message, if it has seen one since this was asked last.
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// Whether the last peer that it did not know at once was the same as before, if it has found out since this was
    /// asked last.
    pub fn take_identified(&mut self) -> Option<bool> {
        self.identified.take()
    }

    /// It does not know yet whether a peer that has returned is the same as before.
    pub fn is_identifying(&self, peer: &str) -> bool {
        self.identifying.as_deref() == Some(peer)
    }

    /// Nothing is outstanding.
    pub fn is_idle(&self) -> bool
    where
        C: Coordinator,
    {
        self.coordinator.is_idle()
    }

    fn notes(&mut self, action: &Action) {
        if let Action::Identified { same, .. } = action {
            self.identified = Some(*same);
            self.identifying = None;
        }
    }
}

impl<C: Coordinator + 'static> Coordinator for Watch<C> {
    fn admit(&mut self, peer: &str, ticket: Ticket, other: Incumbent, now: Millis, out: &mut Vec<Action>) -> Entry {
        self.ask(out, |coordinator, out| coordinator.admit(peer, ticket, other, now, out))
    }

    fn withdraw(&mut self, ticket: Ticket, now: Millis, out: &mut Vec<Action>) {
        self.ask(out, |coordinator, out| coordinator.withdraw(ticket, now, out));
    }

    fn joined(&mut self, peer: &str, now: Millis, out: &mut Vec<Action>) {
        self.ask(out, |coordinator, out| coordinator.joined(peer, now, out));
    }

    fn received(&mut self, from: &str, to: Address<'_>, body: &Bytes, now: Millis, out: &mut Vec<Action>) -> Verdict {
        let verdict = self.ask(out, |coordinator, out| coordinator.received(from, to, body, now, out));
        self.look().verdict = Some(verdict);
        verdict
    }

    fn lost(&mut self, peer: &str, loss: Loss, now: Millis, out: &mut Vec<Action>) -> Fate {
        self.ask(out, |coordinator, out| coordinator.lost(peer, loss, now, out))
    }

    fn returned(&mut self, peer: &str, now: Millis, out: &mut Vec<Action>) -> Return {
        let back = self.ask(out, |coordinator, out| coordinator.returned(peer, now, out));
        if back == Return::Identify {
            self.look().identifying = Some(peer.to_owned());
        }
        back
    }

    fn ended(&mut self, peer: &str, undelivered: Vec<Bytes>, now: Millis, out: &mut Vec<Action>) {
        self.look().identifying.take_if(|identifying| *identifying == peer);
        self.ask(out, |coordinator, out| coordinator.ended(peer, undelivered, now, out));
    }

    fn deadline(&self) -> Option<Millis> {
        self.look().coordinator.deadline()
    }

    fn tick(&mut self, now: Millis, out: &mut Vec<Action>) {
        self.ask(out, |coordinator, out| coordinator.tick(now, out));
    }

    fn locks(&self) -> Vec<Lock> {
        self.look().coordinator.locks()
    }

    fn status(&self) -> Status {
        self.look().coordinator.status()
    }

    fn role(&self, peer: &str) -> Role {
        self.look().coordinator.role(peer)
    }

    fn is_idle(&self) -> bool {
        self.look().coordinator.is_idle()
    }
}
