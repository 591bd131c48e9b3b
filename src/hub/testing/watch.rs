//! A coordinator that a test can look at while the hub has it, and that is held to the contract with it. The only place
//! in which tests meet the trait.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::contract::Contract;
use crate::{
    acebase::{Lock, Role, Status, Strain},
    clock::Millis,
    hub::{
        CoordinatorFactory, Origin,
        coordinator::{
            Action, Address, Coordinator, Entry, Fate, Incumbent, Life, Loss, Moment, Recognition, Return, StateError,
            Ticket, Verdict,
        },
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
    contract: Contract,
    /// Of the coordinator that was watched before, should this one go on in its place.
    former: Option<Contract>,
}

impl<C: Coordinator + 'static> Watch<C> {
    /// Watches what `make` makes, for the hub that gets the factory.
    pub fn new(make: impl Fn() -> C + Send + Sync + 'static) -> (Self, CoordinatorFactory) {
        let watch = Self(Arc::new(Mutex::new(Watched::new(make()))));
        let factory = watch.factory(make);
        (watch, factory)
    }

    /// For a hub that goes on in the place of the first one: this watches its coordinator from then on.
    pub fn factory(&self, make: impl Fn() -> C + Send + Sync + 'static) -> CoordinatorFactory {
        let shared = self.0.clone();
        Box::new(move || -> Box<dyn Coordinator> {
            let mut watched = shared.lock();
            let former = std::mem::replace(&mut *watched, Watched::new(make()));
            watched.former = Some(former.contract);
            Box::new(Watch(shared.clone()))
        })
    }

    /// Looks at it. The hub waits meanwhile.
    pub fn look(&self) -> MutexGuard<'_, Watched<C>> {
        self.0.lock()
    }

    /// Asks it, and takes note of what it wants done.
    fn ask<R>(&self, moment: &mut Moment<'_>, ask: impl FnOnce(&mut C, &mut Moment<'_>) -> R) -> R {
        let mut watched = self.0.lock();
        let before = moment.written_down().len();
        let answer = ask(&mut watched.coordinator, moment);
        moment.written_down()[before..].iter().for_each(|action| watched.notes(action));
        answer
    }
}

impl<C> Watched<C> {
    fn new(coordinator: C) -> Self {
        Self { coordinator, verdict: None, identified: None, contract: Contract::default(), former: None }
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
        self.contract.is_asked(peer)
    }

    /// Nothing is outstanding.
    pub fn is_idle(&self) -> bool
    where
        C: Coordinator,
    {
        self.coordinator.is_idle()
    }

    fn notes(&mut self, action: &Action) {
        self.contract.wants(action);
        if let Action::Identified { same, .. } = action {
            self.identified = Some(*same);
        }
    }
}

impl<C: Coordinator + 'static> Coordinator for Watch<C> {
    fn begin(&mut self, since: Millis) {
        self.0.lock().coordinator.begin(since);
    }

    fn admit(&mut self, peer: &str, ticket: Ticket, other: Incumbent, moment: &mut Moment<'_>) -> Entry {
        self.look().contract.asks_in(ticket);
        let entry = self.ask(moment, |coordinator, moment| coordinator.admit(peer, ticket, other, moment));
        self.look().contract.admitted(ticket, &entry);
        entry
    }

    fn withdraw(&mut self, ticket: Ticket, moment: &mut Moment<'_>) {
        self.look().contract.withdrawn(ticket);
        self.ask(moment, |coordinator, moment| coordinator.withdraw(ticket, moment));
    }

    fn joined(&mut self, peer: &str, life: Option<Life<'_>>, moment: &mut Moment<'_>) {
        self.look().contract.joined(peer);
        self.ask(moment, |coordinator, moment| coordinator.joined(peer, life, moment));
    }

    fn received(&mut self, from: &str, to: Address<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict {
        self.look().contract.spoke(from);
        let verdict = self.ask(moment, |coordinator, moment| coordinator.received(from, to, body, moment));
        self.look().verdict = Some(verdict);
        verdict
    }

    fn retold(&mut self, peer: &str, state: &str, moment: &mut Moment<'_>) -> Result<(), StateError> {
        self.look().contract.spoke(peer);
        self.ask(moment, |coordinator, moment| coordinator.retold(peer, state, moment))
    }

    fn reunited(&mut self, moment: &mut Moment<'_>) {
        self.ask(moment, |coordinator, moment| coordinator.reunited(moment));
    }

    fn take_let_go(&mut self) -> Vec<Origin> {
        self.look().coordinator.take_let_go()
    }

    fn lost(&mut self, peer: &str, loss: Loss, moment: &mut Moment<'_>) -> Fate {
        let fate = self.ask(moment, |coordinator, moment| coordinator.lost(peer, loss, moment));
        self.look().contract.lost(peer, fate);
        fate
    }

    fn returned(&mut self, peer: &str, recognition: Recognition, moment: &mut Moment<'_>) -> Return {
        let back = self.ask(moment, |coordinator, moment| coordinator.returned(peer, recognition, moment));
        self.look().contract.returned(peer, recognition, back);
        back
    }

    fn ended(&mut self, peer: &str, undelivered: Vec<Bytes>, moment: &mut Moment<'_>) {
        self.look().contract.ended(peer);
        self.ask(moment, |coordinator, moment| coordinator.ended(peer, undelivered, moment));
    }

    fn deadline(&self) -> Option<Millis> {
        self.look().coordinator.deadline()
    }

    fn tick(&mut self, moment: &mut Moment<'_>) {
        self.ask(moment, |coordinator, moment| coordinator.tick(moment));
    }

    fn locks(&self) -> Vec<Lock> {
        self.look().coordinator.locks()
    }

    fn status(&self) -> Status {
        self.look().coordinator.status()
    }

    fn strain(&self, now: Millis) -> Strain {
        self.look().coordinator.strain(now)
    }

    fn role(&self, peer: &str) -> Role {
        self.look().coordinator.role(peer)
    }

    fn is_idle(&self) -> bool {
        self.look().coordinator.is_idle()
    }

    fn quiesce(&mut self) {
        self.look().coordinator.quiesce();
    }

    fn is_quiet(&self) -> bool {
        self.look().coordinator.is_quiet()
    }

    fn conclude(&mut self, moment: &mut Moment<'_>) {
        self.ask(moment, |coordinator, moment| coordinator.conclude(moment));
    }

    fn freeze(&self) -> Bytes {
        self.look().coordinator.freeze()
    }

    fn thaw(&mut self, frozen: &[u8]) -> Result<(), String> {
        let mut watched = self.look();
        watched.contract = watched.former.take().unwrap_or_default();
        watched.coordinator.thaw(frozen)
    }
}
