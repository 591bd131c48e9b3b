//! One sender, many receivers. Peer 0 broadcasts in bursts; the next burst leaves when every receiver has an earlier
//! one.

use std::rc::Rc;

use crate::drive::Workload;
use crate::failure::Failure;
use crate::frame::MaskKey;
use crate::message::{Incoming, Outgoing, Received, Style, Template, TooSmall, Violation, accept_notice};
use crate::swarm::{Identity, Swarm};

const SENDER: usize = 0;

/// How a sender's messages follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Bursts {
    /// Messages in one burst, at least 1.
    pub size: u64,
    /// Bursts on their way at once, at least 1.
    pub in_flight: usize,
}

pub struct Fanout {
    bursts: Bursts,
    outgoing: Outgoing,
    receivers: Vec<Incoming>,
    /// For each burst on its way, how many receivers have it whole. Burst n stands at n modulo the length.
    arrived: Vec<usize>,
    /// Bursts that are complete and not yet followed by a new one.
    due: usize,
    delivered: u64,
    winding_down: bool,
}

impl Fanout {
    /// Prepares the messages for so many receivers.
    ///
    /// # Errors
    /// Messages of that size have no room for what they must hold.
    pub fn new(bursts: Bursts, receivers: usize, style: Style, size: usize, mask: MaskKey) -> Result<Self, TooSmall> {
        let message = style.broadcast(SENDER, size)?;
        let outgoing = Outgoing::new(vec![message.framed(None, mask)]);
        let script: Rc<[Template]> = Rc::from([message]);
        let receivers = (0..receivers).map(|_| Incoming::new(script.clone())).collect();
        Ok(Self {
            bursts,
            outgoing,
            receivers,
            arrived: vec![0; bursts.in_flight],
            due: 0,
            delivered: 0,
            winding_down: false,
        })
    }

    /// Who must connect, the sender first.
    pub fn identities(receivers: usize, style: Style, database: &str) -> Vec<Identity> {
        (0..=receivers).map(|peer| Identity { database: database.to_owned(), id: style.id(peer), server: 0 }).collect()
    }

    fn send_burst(&mut self, swarm: &mut Swarm) -> Result<(), Failure> {
        let outbox = swarm.outbox(SENDER);
        for _ in 0..self.bursts.size {
            self.outgoing.write_next(outbox);
        }
        swarm.flush(SENDER)
    }

    /// Notes that a receiver has all messages up to the end of a burst.
    fn burst_received(&mut self, burst: u64) {
        let place = burst as usize % self.arrived.len();
        self.arrived[place] += 1;
        if self.arrived[place] == self.receivers.len() {
            self.arrived[place] = 0;
            self.due += 1;
        }
    }
}

impl Workload for Fanout {
    fn begin(&mut self, swarm: &mut Swarm) -> Result<(), Failure> {
        (0..self.bursts.in_flight).try_for_each(|_| self.send_burst(swarm))
    }

    #[inline]
    fn text(&mut self, peer: usize, text: &[u8]) -> Result<(), Violation> {
        // The sender itself gets notices only: a broadcast that came back to it is a violation like any other.
        let Some(receiver) = peer.checked_sub(SENDER + 1) else {
            return accept_notice(text);
        };
        let incoming = &mut self.receivers[receiver];
        if incoming.accept(text)? == Received::Notice {
            return Ok(());
        }
        self.delivered += 1;
        if incoming.received().is_multiple_of(self.bursts.size) {
            let burst = incoming.received() / self.bursts.size - 1;
            self.burst_received(burst);
        }
        Ok(())
    }

    fn react(&mut self, _peer: usize, swarm: &mut Swarm) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.due);
        if self.winding_down {
            return Ok(());
        }
        (0..due).try_for_each(|_| self.send_burst(swarm))
    }

    fn wind_down(&mut self) {
        self.winding_down = true;
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }

    fn in_flight(&self) -> u64 {
        self.outgoing.sent() * self.receivers.len() as u64 - self.delivered
    }
}
