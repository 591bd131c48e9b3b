//! What a turn writes down before it happens, so that it can be replayed.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::{
    clock::Millis,
    hub::{
        event::Event,
        greeting::Arrival,
        journal::{Input, Journal, Kind, Rare, Read, SharedInput, Snapshot},
        office::Office,
        outbox::Outbox,
        peers::State,
        transport::{LinkId, Transport},
    },
};

use super::Turn;

/// Says that a record is about no connection.
const NO_LINK: u64 = u64::MAX;

/// The code of what is told of journals.
const JOURNAL: &str = "journal";

impl Turn<'_> {
    /// This turn is written down.
    pub(in crate::hub) fn is_journalled(&self) -> bool {
        self.state.journal.is_some()
    }

    /// Writes down what brings this turn about. Before anything is done.
    pub(in crate::hub) fn record(&mut self, link: Option<LinkId>, what: impl FnOnce() -> Rare) {
        if self.is_journalled() {
            // Memory that is lacking makes it stale.
            let payload = rmp_serde::to_vec_named(&what()).unwrap_or_default();
            self.write(Kind::Rare, link, &payload);
        }
    }

    /// Writes down what was read. `has_messages`: this turn routes what it brings to its end, and else is none. Gives
    /// where it lies in the journal, if it does.
    pub(in crate::hub) fn record_read(
        &mut self,
        link: Option<LinkId>,
        read: Read<'_>,
        has_messages: bool,
    ) -> Option<usize> {
        self.write(if has_messages { Kind::Receive } else { Kind::Read }, link, read.bytes)
    }

    /// Takes note of what was read from a connection, and what has become of it in this turn.
    pub(in crate::hub) fn note_read(
        &mut self,
        input: &mut Input,
        read: Read<'_>,
        start: Option<usize>,
        (routed, left): (usize, usize),
    ) {
        let Some(journal) = &mut self.state.journal else { return };
        input.add(read, start, routed, left);
        if input.is_scattered() {
            input.take_out(journal);
        }
    }

    /// What was read from a peer's connection.
    pub(in crate::hub) fn input_of(&self, id: &str) -> Option<SharedInput> {
        self.state.peers.get(id)?.input.clone()
    }

    /// Writes down that this turn routes what the last one has left.
    pub(in crate::hub) fn record_route(&mut self, link: Option<LinkId>) {
        if self.is_journalled() {
            self.write(Kind::Route, link, &[]);
        }
    }

    /// What was read from a connection that has just become a peer's.
    pub(super) fn new_input(&self, arrival: &Arrival) -> Option<SharedInput> {
        let new = || Arc::new(Mutex::new(Input::new(arrival.origin, arrival.max_payload())));
        self.is_journalled().then(new)
    }

    /// What happens in this turn depends on what no record tells.
    pub(super) fn overtakes_journal(&mut self) {
        if let Some(journal) = &mut self.state.journal {
            journal.is_overtaken();
        }
    }

    pub(super) fn takes_place(&mut self, ticket: u64) {
        if let Some(journal) = &mut self.state.journal {
            journal.takes_place(ticket);
        }
    }

    pub(super) fn gives_place_up(&mut self, ticket: u64) {
        if let Some(journal) = &mut self.state.journal {
            journal.gives_place_up(ticket);
        }
    }

    /// [`Outbox::detach`], and writes down what counts as delivered.
    pub(super) fn detach(&mut self, outbox: &Arc<Outbox>) -> Option<Arc<dyn Transport>> {
        let (transport, delivered) = outbox.detach()?;
        let at = (self.now, self.unix);
        if let Some(journal) = &mut self.state.journal {
            journal.append(Kind::Detached, NO_LINK, at, &delivered.to_le_bytes());
        }
        Some(transport)
    }

    fn write(&mut self, kind: Kind, link: Option<LinkId>, payload: &[u8]) -> Option<usize> {
        let at = (self.now, self.unix);
        if self.state.journal.as_ref().is_some_and(|journal| journal.is_full_for(payload.len())) {
            self.state.renew_journal(self.office, self.name, self.now);
        }
        let link = link.map_or(NO_LINK, |LinkId(link)| link);
        self.state.journal.as_mut()?.append(kind, link, at, payload)
    }
}

impl State {
    /// Begins to write down what happens.
    pub(in crate::hub) fn begin_journal(&mut self, office: &Office, name: &Arc<str>) {
        let memory = office.journals.get().and_then(|make| make());
        self.journal = memory.map(Journal::new);
        self.renew_journal(office, name, office.now());
    }

    /// What no record tells is in a new snapshot. Before anything is sent.
    pub(in crate::hub) fn renew_stale_journal(&mut self, office: &Office, name: &Arc<str>) {
        if self.journal.as_ref().is_some_and(Journal::is_stale) {
            self.renew_journal(office, name, office.now());
        }
    }

    pub(super) fn renew_journal(&mut self, office: &Office, name: &Arc<str>, now: Millis) {
        let Some(mut journal) = self.journal.take() else { return };
        let snapshot = rmp_serde::to_vec_named(&Snapshot::of(self, name, now, &mut journal));
        if snapshot.is_ok_and(|snapshot| journal.begin(&snapshot)) {
            self.journal = Some(journal);
            return;
        }
        let advice = "Should the server be killed, its clients lose their connections";
        let message = format!("Database \"{name}\" has become too large for what survives a crash. {advice}");
        office.tell(Event::Notice { code: JOURNAL, message });
    }
}
