//! Pairs of peers that talk to each other only. Peers 2n and 2n+1 are a pair; the even one begins.

use std::rc::Rc;

use crate::drive::Workload;
use crate::failure::Failure;
use crate::frame::MaskKey;
use crate::message::{Incoming, Outgoing, Received, Style, Template, TooSmall, Violation};
use crate::swarm::{Identity, Swarm};

/// How the two of a pair talk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dialogue {
    /// One question at a time, each answered: a closed loop.
    QuestionAnswer,
    /// One way, with so many messages on their way at once.
    Pipelined { window: usize },
    /// A worker asks its master for a lock and gives it back, in a closed loop; each pair in a database of its own.
    Locks,
}

struct Talker {
    outgoing: Outgoing,
    incoming: Incoming,
    /// Messages received and not yet reacted to.
    due: usize,
    /// The hub's release among these, by its id: the hub gets the answer.
    released: Option<String>,
}

pub struct Pairs {
    dialogue: Dialogue,
    mask: MaskKey,
    talkers: Vec<Talker>,
    sent: u64,
    delivered: u64,
    winding_down: bool,
}

impl Pairs {
    /// Prepares the messages of so many pairs.
    ///
    /// # Errors
    /// Messages of that size have no room for what they must hold.
    pub fn new(dialogue: Dialogue, pairs: usize, style: Style, size: usize, mask: MaskKey) -> Result<Self, TooSmall> {
        let ids = ids(dialogue, pairs, style);
        let mut talkers = Vec::with_capacity(ids.len());
        for me in 0..ids.len() {
            let other = partner(me);
            let sent = script(dialogue, style, me, size)?;
            let received = script(dialogue, style, other, size)?;
            let frames = sent.iter().map(|template| template.framed(Some(&ids[other]), mask)).collect();
            let received = Rc::from(received);
            let incoming = match dialogue {
                Dialogue::Locks if !is_beginner(me) => Incoming::of_master(received),
                _ => Incoming::new(received),
            };
            talkers.push(Talker { outgoing: Outgoing::new(frames), incoming, due: 0, released: None });
        }
        Ok(Self { dialogue, mask, talkers, sent: 0, delivered: 0, winding_down: false })
    }

    /// Who must connect, in the order of the peers.
    pub fn identities(dialogue: Dialogue, pairs: usize, style: Style, database: &str, apart: bool) -> Vec<Identity> {
        let are_apart = apart || dialogue == Dialogue::Locks;
        let place = |pair: usize| if are_apart { format!("{database}-{pair}") } else { database.to_owned() };
        let ids = ids(dialogue, pairs, style).into_iter().enumerate();
        ids.map(|(peer, id)| Identity { database: place(peer / 2), id, server: peer / 2 }).collect()
    }

    fn send(&mut self, peer: usize, messages: usize, swarm: &mut Swarm) -> Result<(), Failure> {
        let outbox = swarm.outbox(peer);
        for _ in 0..messages {
            self.talkers[peer].outgoing.write_next(outbox);
        }
        self.sent += messages as u64;
        swarm.flush(peer)
    }

    /// Answers the hub's release, if it is what a master has received. How many messages that are: the hub takes them
    /// itself, so that none is under way.
    fn answer_release(&mut self, peer: usize, swarm: &mut Swarm) -> usize {
        let talker = &mut self.talkers[peer];
        let Some(id) = talker.released.take() else { return 0 };
        talker.outgoing.write_released(&id, self.mask, swarm.outbox(peer));
        1
    }

    /// Whether a peer has received a message and not yet reacted to it.
    pub fn has_due(&self, peer: usize) -> bool {
        self.talkers[peer].due > 0
    }

    /// Whether a peer may send what it owes. At the end of a run answers still go out, and a lock is still given back.
    fn may_send(&self, sender: usize) -> bool {
        !self.winding_down || !is_beginner(sender) || self.talkers[sender].outgoing.is_mid_script()
    }
}

impl Workload for Pairs {
    fn begin(&mut self, swarm: &mut Swarm) -> Result<(), Failure> {
        let first = match self.dialogue {
            Dialogue::Pipelined { window } => window,
            Dialogue::QuestionAnswer | Dialogue::Locks => 1,
        };
        (0..self.talkers.len()).filter(|peer| is_beginner(*peer)).try_for_each(|peer| self.send(peer, first, swarm))
    }

    #[inline]
    fn text(&mut self, peer: usize, text: &[u8]) -> Result<(), Violation> {
        let talker = &mut self.talkers[peer];
        match talker.incoming.accept(text)? {
            Received::Message => {}
            Received::Release { id } => {
                talker.released = Some(id);
                // The worker's own was answered by the hub, so this is one more.
                self.sent += 1;
            }
            Received::Notice => return Ok(()),
        }
        talker.due += 1;
        self.delivered += 1;
        Ok(())
    }

    fn react(&mut self, peer: usize, swarm: &mut Swarm) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.talkers[peer].due);
        let sender = match self.dialogue {
            Dialogue::Pipelined { .. } => partner(peer),
            Dialogue::QuestionAnswer | Dialogue::Locks => peer,
        };
        if due == 0 || !self.may_send(sender) {
            return Ok(());
        }
        let to_worker = due - self.answer_release(peer, swarm);
        self.send(sender, to_worker, swarm)
    }

    fn wind_down(&mut self) {
        self.winding_down = true;
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }

    fn in_flight(&self) -> u64 {
        self.sent - self.delivered
    }
}

fn partner(peer: usize) -> usize {
    peer ^ 1
}

fn is_beginner(peer: usize) -> bool {
    peer.is_multiple_of(2)
}

fn ids(dialogue: Dialogue, pairs: usize, style: Style) -> Vec<String> {
    (0..2 * pairs)
        .map(|peer| match dialogue {
            Dialogue::Locks if !is_beginner(peer) => Style::MASTER.to_owned(),
            _ => style.id(peer),
        })
        .collect()
}

fn script(dialogue: Dialogue, style: Style, from: usize, size: usize) -> Result<Vec<Template>, TooSmall> {
    match dialogue {
        Dialogue::Locks if is_beginner(from) => Ok(style.lock_requests(from)),
        Dialogue::Locks => Ok(style.lock_results(partner(from))),
        _ => Ok(vec![style.direct(from, partner(from), size)?]),
    }
}
