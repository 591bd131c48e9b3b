//! Clients with the extension: those whose test says each frame, and those whose test speaks as if they had not, so
//! that what they say is numbered, kept and sent again.

use super::{DB, Rig};
use crate::{
    hub::{
        coordinator::Verdict,
        testing::{self, Answer, Talk},
    },
    protocol::{Text, reliable::Offer},
};

impl Rig {
    /// As [`Rig::connect`], of a client with the extension, which was in another session before this one.
    pub(in crate::coordination) fn connect_reliably(&mut self, id: &str, life: &str) {
        self.connect_with(id, Offer { life: life.to_owned(), session: Some("past".to_owned()), had: 0 });
    }

    /// The same, of one that was in none.
    pub(in crate::coordination) fn connect_newly(&mut self, id: &str, life: &str) {
        self.connect_with(id, Offer { life: life.to_owned(), session: None, had: 0 });
    }

    fn connect_with(&mut self, id: &str, offer: Offer) {
        let (caller, answer) = self.ask_in(id);
        assert_eq!(answer, Answer::Come);
        let (handle, wire) = testing::connect_reliably(&self.hub, DB, id, offer).unwrap();
        assert!(wire.read().is_some_and(|text| text.contains("reliable")), "{id} is not welcome");
        self.connections.insert(id.to_owned(), super::Connection::new((handle, wire)));
        self.withdraw(caller);
    }

    /// `id` sends a frame, as it is.
    pub(in crate::coordination) fn send_frame(&mut self, id: &str, frame: &str) -> Option<Verdict> {
        self.connections[id].handle.receive(std::iter::once(Text::from(frame)));
        self.hear();
        self.watch.look().take_verdict()
    }

    /// As [`Rig::connect`], of a client that has the extension from its first connection on. `state`: what it tells a
    /// hub that knows nothing, where it was in another session before.
    pub(in crate::coordination) fn connect_to_talk(&mut self, id: &str, state: &str) {
        let (caller, answer) = self.ask_in(id);
        assert_eq!(answer, Answer::Come);
        let talk = self.talks.entry(id.to_owned()).or_insert_with(|| Talk::new(id));
        let (handle, wire) = testing::connect_reliably(&self.hub, DB, id, talk.offer()).unwrap();
        assert!(wire.read().is_some_and(|text| text.contains("reliable")), "{id} is not welcome");
        let first = talk.begin(state);
        self.connections.insert(id.to_owned(), super::Connection::new((handle, wire)));
        self.withdraw(caller);
        for frame in first {
            self.send_frame(id, &frame);
        }
    }

    /// A client acknowledges what it has had, if it is connected.
    pub(in crate::coordination) fn acknowledge(&mut self, id: &str) {
        if self.is_connected(id) {
            let frame = self.talks[id].acknowledgement();
            self.send_frame(id, &frame);
        }
    }

    /// What a client has said with this in it was not sent to any hub yet.
    pub(in crate::coordination) fn has_unsent(&self, id: &str, part: &str) -> bool {
        self.talks.get(id).is_some_and(|talk| talk.has_unsent(part))
    }

    /// What is sent of what a client says. `None`: nothing for now.
    pub(super) fn frame_of(&mut self, id: &str, said: String) -> Option<String> {
        let is_connected = self.is_connected(id);
        match self.talks.get_mut(id) {
            Some(talk) => talk.say(said, is_connected),
            None => Some(said),
        }
    }

    /// The next text for the process of a client.
    pub(super) fn read_in_talk(&mut self, id: &str) -> Option<String> {
        loop {
            let frame = self.read_frame(id)?;
            let text = self.talks.get_mut(id)?.hear(&frame);
            if text.is_some() {
                return text;
            }
        }
    }
}
