//! A hub for tests: it carries out what the coordinator wants done as the real one does, with a clock that the test
//! moves.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{ClusterCoordinator, CoordinationConfig, message::MASTER};
use crate::{
    acebase::Note,
    clock::Millis,
    hub::coordinator::{Action, Address, Coordinator, Decision, Entry, Fate, Incumbent, Loss, Return, Ticket, Verdict},
};

/// Milliseconds since the Unix epoch when a rig's clock is 0.
pub(super) const EPOCH_MS: u64 = 1_700_000_000_000;

#[derive(Debug, Default)]
struct Mailbox {
    connected: bool,
    gate_is_shut: bool,
    retained: bool,
    probes: VecDeque<Bytes>,
    kept: VecDeque<Bytes>,
    /// What came behind a shut gate.
    since_return: VecDeque<Bytes>,
}

/// A coordinator, with what it has said and a clock that the test moves.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) coordinator: ClusterCoordinator,
    pub(super) now: Millis,
    pub(super) notes: Vec<Note>,
    /// How many masters there have been, as the coordinator sees it.
    pub(super) master_identity: u64,
    /// Nothing that they read ends masters any more.
    pub(super) masters_are_immune: bool,
    /// Whether the last returned master was taken for the one that was there, until the test takes it.
    pub(super) identified: Option<bool>,
    /// What connections that wait were told and the test has not taken, oldest first.
    pub(super) decisions: VecDeque<(Ticket, Decision)>,
    mailboxes: BTreeMap<String, Mailbox>,
    tickets: u64,
}

impl Rig {
    pub(super) fn new(config: CoordinationConfig) -> Self {
        Self {
            coordinator: ClusterCoordinator::new(config, |now| EPOCH_MS + now),
            now: 0,
            notes: Vec::new(),
            master_identity: 0,
            masters_are_immune: false,
            identified: None,
            decisions: VecDeque::new(),
            tickets: 0,
            mailboxes: BTreeMap::new(),
        }
    }

    /// A connection asks to come in under this id.
    pub(super) fn ask_in(&mut self, id: &str) -> (Ticket, Entry) {
        self.tickets += 1;
        let (ticket, mut out) = (Ticket(self.tickets), Vec::new());
        let other = if self.is_connected(id) { Incumbent::Connected } else { Incumbent::Absent };
        let entry = self.coordinator.admit(id, ticket, other, self.now, &mut out);
        self.carry_out(out);
        (ticket, entry)
    }

    /// A connection waits no longer.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        self.decisions.retain(|(told, _)| *told != ticket);
        let mut out = Vec::new();
        self.coordinator.withdraw(ticket, self.now, &mut out);
        self.carry_out(out);
    }

    /// A connection under this id, new or once more, to which the door is open.
    pub(super) fn connect(&mut self, id: &str) -> Result<(), String> {
        let (ticket, entry) = self.ask_in(id);
        match entry {
            Entry::Open | Entry::Kept => self.enter(id, ticket),
            Entry::Wait => {
                self.withdraw(ticket);
                return Err("it would have to wait".to_owned());
            }
            Entry::Refused(reason) => return Err(reason),
        }
        Ok(())
    }

    /// A connection that was let in has come in.
    pub(super) fn enter(&mut self, id: &str, ticket: Ticket) {
        self.take_in(id);
        self.withdraw(ticket);
    }

    fn take_in(&mut self, id: &str) {
        if !self.mailboxes.contains_key(id) {
            return self.join(id);
        }
        let mut out = Vec::new();
        let back = self.coordinator.returned(id, self.now, &mut out);
        if back == Return::Renew {
            self.carry_out(out);
            self.end(id);
            return self.join(id);
        }
        let mailbox = self.mailboxes.get_mut(id).unwrap();
        mailbox.connected = true;
        mailbox.probes.clear();
        // Behind a gate that was shut already, all of it is kept for whom it was meant.
        let since_return = std::mem::take(&mut mailbox.since_return);
        mailbox.kept.extend(since_return);
        mailbox.gate_is_shut = back == Return::Identify;
        self.carry_out(out);
    }

    fn join(&mut self, id: &str) {
        self.master_identity += u64::from(id == MASTER);
        self.mailboxes.insert(id.to_owned(), Mailbox { connected: true, ..Default::default() });
        self.tell_others(id, &format!("connect:{id}"));
        let mut out = Vec::new();
        self.coordinator.joined(id, self.now, &mut out);
        self.carry_out(out);
    }

    pub(super) fn lose(&mut self, id: &str, loss: Loss) {
        let mut out = Vec::new();
        let fate = self.coordinator.lost(id, loss, self.now, &mut out);
        self.carry_out(out);
        if fate == Fate::End {
            return self.end(id);
        }
        let mailbox = self.mailboxes.get_mut(id).unwrap();
        mailbox.connected = false;
        assert!(mailbox.retained, "a session is kept whose mail is not");
    }

    fn end(&mut self, id: &str) {
        let Some(mailbox) = self.mailboxes.remove(id) else { return };
        self.tell_others(id, &format!("disconnect:{id}"));
        let undelivered = mailbox.kept.into_iter().chain(mailbox.since_return).collect();
        let mut out = Vec::new();
        self.coordinator.ended(id, undelivered, self.now, &mut out);
        self.carry_out(out);
    }

    /// `id` sends a text, to one peer or to all others.
    pub(super) fn send(&mut self, id: &str, to: Option<&str>, text: &str) -> Verdict {
        let mut out = Vec::new();
        let address = to.map_or(Address::Others, Address::Peer);
        let verdict = self.coordinator.received(id, address, &Bytes::from(text.to_owned()), self.now, &mut out);
        self.carry_out(out);
        if verdict == Verdict::Forward {
            match to {
                Some(to) => self.post(to, Bytes::from(text.to_owned())),
                None => self.tell_others(id, text),
            }
        }
        verdict
    }

    /// Lets time pass, with a tick whenever the coordinator wants one.
    pub(super) fn advance(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(deadline) = self.coordinator.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    pub(super) fn tick(&mut self) {
        let mut out = Vec::new();
        self.coordinator.tick(self.now, &mut out);
        self.carry_out(out);
    }

    /// The next text that reaches a connected peer.
    pub(super) fn read(&mut self, id: &str) -> Option<String> {
        let mailbox = self.mailboxes.get_mut(id).filter(|mailbox| mailbox.connected)?;
        let text = match mailbox.probes.pop_front() {
            Some(probe) => probe,
            None if mailbox.gate_is_shut => return None,
            None => mailbox.kept.pop_front()?,
        };
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    /// All that reaches a peer now, without the hub's own notices.
    #[cfg(test)]
    pub(super) fn read_all(&mut self, id: &str) -> Vec<String> {
        std::iter::from_fn(|| self.read(id)).filter(|text| !text.starts_with("connect:")).collect()
    }

    pub(super) fn is_connected(&self, id: &str) -> bool {
        self.mailboxes.get(id).is_some_and(|mailbox| mailbox.connected)
    }

    /// The request was given to a master before the one that has it.
    pub(super) fn was_with_another_master(&self, worker: &str, id: &str) -> bool {
        let requests = &self.coordinator.requests;
        requests.find(worker, id).and_then(|seq| requests.get(seq)).is_some_and(|pending| pending.deliveries > 1)
    }

    /// Only probes reach the peer.
    pub(super) fn is_gated(&self, id: &str) -> bool {
        self.mailboxes.get(id).is_some_and(|mailbox| mailbox.gate_is_shut)
    }

    #[cfg(test)]
    pub(super) fn has_session(&self, id: &str) -> bool {
        self.mailboxes.contains_key(id)
    }

    /// Nothing is there to be read by a connected peer.
    pub(super) fn is_quiet(&self) -> bool {
        let connected = self.mailboxes.values().filter(|mailbox| mailbox.connected);
        connected.into_iter().all(|mailbox| mailbox.probes.is_empty() && mailbox.kept.is_empty())
    }

    fn post(&mut self, to: &str, text: Bytes) {
        if let Some(mailbox) = self.mailboxes.get_mut(to) {
            let behind = if mailbox.gate_is_shut { &mut mailbox.since_return } else { &mut mailbox.kept };
            behind.push_back(text);
        }
    }

    fn tell_others(&mut self, about: &str, text: &str) {
        let others: Vec<String> = self.mailboxes.keys().filter(|id| *id != about).cloned().collect();
        for other in others {
            self.post(&other, Bytes::from(text.to_owned()));
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Post { to, text } => self.post(&to, text),
                Action::Probe { to, text } => {
                    if let Some(mailbox) = self.mailboxes.get_mut(&to) {
                        mailbox.probes.push_back(text);
                    }
                }
                Action::Retain { peer } => {
                    if let Some(mailbox) = self.mailboxes.get_mut(&peer) {
                        mailbox.retained = true;
                    }
                }
                Action::Identified { peer, same } => self.identify(&peer, same),
                Action::End { peer } => self.end(&peer),
                Action::Dismiss { peer } => self.lose(&peer, Loss::Closed),
                Action::Decide { ticket, decision } => self.decisions.push_back((ticket, decision)),
                Action::Note(note) => self.notes.push(note),
            }
        }
    }

    fn identify(&mut self, id: &str, same: bool) {
        self.identified = Some(same);
        if !same {
            self.master_identity += 1;
            self.tell_others(id, &format!("disconnect:{id}"));
            self.tell_others(id, &format!("connect:{id}"));
        }
        let mailbox = self.mailboxes.get_mut(id).unwrap();
        assert!(mailbox.gate_is_shut, "nobody was being identified");
        mailbox.gate_is_shut = false;
        if !same {
            mailbox.kept.clear();
        }
        let since_return = std::mem::take(&mut mailbox.since_return);
        mailbox.kept.extend(since_return);
    }
}
