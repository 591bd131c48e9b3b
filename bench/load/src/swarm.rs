//! All client connections of a run on one thread: connecting, reading whole frames, writing. Knows no workload.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::failure::Failure;
use crate::frame::{self, Frame, MaskKey, Parsed};
use crate::message::Violation;
use crate::transport::{Dialer, Transport};

/// Read buffer, in bytes, shared by all connections: large enough that a burst takes few reads, small enough for the
/// processor's cache. It bounds the frames that can be received.
const READ_BUFFER: usize = 128 * 1024;
/// Connections which the poll reports at once.
const EVENTS: usize = 1024;
/// Handshakes under way at once: well below the backlog of any server, so that none waits for a retransmission.
const HANDSHAKES_IN_FLIGHT: usize = 64;
/// How long connecting may go on without any progress before the run gives up.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may take to answer the close frames at the end of a run.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);

// The example key of RFC 6455 and the answer that belongs to it: a constant pair is as good as a fresh one for a test.
const HANDSHAKE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const HANDSHAKE_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Who a connection says it is.
pub struct Identity {
    pub database: String,
    pub id: String,
    /// Which of the servers it is at: they are counted through, and begin anew.
    pub server: usize,
}

struct Peer {
    transport: Transport,
    /// Frames not yet taken by the socket.
    outgoing: Vec<u8>,
    /// The beginning of a frame whose rest has not arrived.
    tail: Vec<u8>,
    upgraded: bool,
}

pub struct Swarm {
    poll: Poll,
    events: Events,
    peers: Vec<Peer>,
    ready: Vec<usize>,
    inbox: Box<[u8]>,
    sealed: Box<[u8]>,
    mask: MaskKey,
}

impl Swarm {
    /// Connects one peer for each identity, in order, and waits until the server has welcomed all.
    ///
    /// # Errors
    /// The server refuses a peer or does not answer, or sockets run out.
    pub fn connect(dialer: &Dialer, identities: &[Identity], mask: MaskKey) -> Result<Self, Failure> {
        let mut swarm = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            peers: Vec::with_capacity(identities.len()),
            ready: Vec::with_capacity(EVENTS),
            inbox: vec![0; READ_BUFFER].into_boxed_slice(),
            sealed: vec![0; READ_BUFFER / 2].into_boxed_slice(),
            mask,
        };
        swarm.connect_all(dialer, identities)?;
        Ok(swarm)
    }

    /// Waits until something arrives, at most `patience`, and returns how many peers have something to read.
    ///
    /// # Errors
    /// The poll fails, or a connection broke while the rest of earlier frames was written.
    pub fn wait(&mut self, patience: Duration) -> Result<usize, Failure> {
        self.ready.clear();
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            other => other?,
        }
        for event in &self.events {
            let index = event.token().0;
            if event.is_writable() && !self.peers[index].outgoing.is_empty() {
                self.peers[index].flush(index)?;
            }
            if event.is_readable() {
                self.ready.push(index);
            }
        }
        Ok(self.ready.len())
    }

    /// The peer behind the `n`-th readiness of the last wait.
    pub fn ready(&self, n: usize) -> usize {
        self.ready[n]
    }

    /// Reads everything that has arrived for a peer and hands each text to `sink`.
    ///
    /// # Errors
    /// What `sink` finds wrong, or the connection's end.
    pub fn receive(
        &mut self,
        index: usize,
        mut sink: impl FnMut(&[u8]) -> Result<(), Violation>,
    ) -> Result<(), Failure> {
        let peer = &mut self.peers[index];
        let mut filled = peer.tail.len();
        self.inbox[..filled].copy_from_slice(&peer.tail);
        loop {
            if filled == self.inbox.len() {
                return Err(Failure::FrameTooLarge { peer: index });
            }
            let sealed = self.sealed.len().min(self.inbox.len() - filled);
            let taken = peer
                .transport
                .read(&mut self.inbox[filled..], &mut self.sealed[..sealed])
                .map_err(|error| disconnected(index, &error))?;
            filled += taken.bytes;
            let used = peer.consume(index, &self.inbox[..filled], &mut sink)?;
            self.inbox.copy_within(used..filled, 0);
            filled -= used;
            if taken.drained {
                break;
            }
        }
        peer.tail.clear();
        peer.tail.extend_from_slice(&self.inbox[..filled]);
        Ok(())
    }

    /// Where the next frames of a peer go. They leave with the next [`Swarm::flush`].
    pub fn outbox(&mut self, index: usize) -> &mut Vec<u8> {
        &mut self.peers[index].outgoing
    }

    /// Writes a peer's frames, as far as its socket takes them. The rest leaves when the poll finds room.
    ///
    /// # Errors
    /// The connection broke.
    pub fn flush(&mut self, index: usize) -> Result<(), Failure> {
        self.peers[index].flush(index)
    }

    /// Says goodbye on all connections and waits a moment for the answers, so that the server forgets these peers
    /// before the next run. A server that does not answer is no failure.
    pub fn close(mut self) {
        for (index, peer) in self.peers.iter_mut().enumerate() {
            frame::write_close(&mut peer.outgoing, self.mask);
            // A connection that is already gone needs no goodbye.
            let _ = peer.flush(index);
        }
        let deadline = Instant::now() + CLOSE_PATIENCE;
        let mut open = self.peers.len();
        while open > 0 && Instant::now() < deadline {
            let Ok(ready) = self.wait(CLOSE_PATIENCE) else { return };
            let ended = (0..ready).filter(|n| self.receive(self.ready[*n], |_| Ok(())).is_err()).count();
            open = open.saturating_sub(ended);
        }
    }

    fn connect_all(&mut self, dialer: &Dialer, identities: &[Identity]) -> Result<(), Failure> {
        let mut welcomed = 0;
        let mut progress = Instant::now();
        while welcomed < identities.len() {
            while self.peers.len() < identities.len() && self.peers.len() - welcomed < HANDSHAKES_IN_FLIGHT {
                self.open(dialer, &identities[self.peers.len()])?;
            }
            let ready = self.wait(CONNECT_PATIENCE)?;
            let before = welcomed;
            for n in 0..ready {
                self.receive(self.ready[n], |text| {
                    welcomed += usize::from(text.starts_with(b"welcome:"));
                    Ok(())
                })?;
            }
            if welcomed > before {
                progress = Instant::now();
            } else if progress.elapsed() >= CONNECT_PATIENCE {
                let seconds = CONNECT_PATIENCE.as_secs();
                return Err(Failure::NotWelcomed { connected: welcomed, wanted: identities.len(), seconds });
            }
        }
        Ok(())
    }

    fn open(&mut self, dialer: &Dialer, identity: &Identity) -> Result<(), Failure> {
        let index = self.peers.len();
        let mut transport = dialer.dial(identity.server)?;
        self.poll.registry().register(transport.socket(), Token(index), Interest::READABLE | Interest::WRITABLE)?;
        let mut peer =
            Peer { transport, outgoing: upgrade_request(identity).into_bytes(), tail: Vec::new(), upgraded: false };
        peer.flush(index)?;
        self.peers.push(peer);
        Ok(())
    }
}

impl Peer {
    fn flush(&mut self, index: usize) -> Result<(), Failure> {
        self.transport.flush(&mut self.outgoing).map_err(|error| disconnected(index, &error))
    }

    /// Takes the whole frames at the front of `input` and returns how many bytes they were.
    fn consume(
        &mut self,
        index: usize,
        input: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), Violation>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        if !self.upgraded {
            let Some(head) = upgrade_answer(index, input)? else { return Ok(0) };
            self.upgraded = true;
            used = head;
        }
        loop {
            match frame::parse(&input[used..]) {
                Parsed::Incomplete => return Ok(used),
                Parsed::Unexpected { first, second } => return Err(Failure::Frame { peer: index, first, second }),
                Parsed::Frame { frame, length } => {
                    match frame {
                        Frame::Text(text) => {
                            sink(text).map_err(|violation| Failure::Message { peer: index, violation })?
                        }
                        Frame::Close { code } => {
                            return Err(Failure::Disconnected { peer: index, how: format!("close frame {code:?}") });
                        }
                        Frame::Control => {}
                    }
                    used += length;
                }
            }
        }
    }
}

fn upgrade_request(Identity { database, id, .. }: &Identity) -> String {
    format!(
        "GET /{database}/connect?v=1.0.0&id={id}&t=undefined HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: {HANDSHAKE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// The length of the server's answer, once it is whole.
fn upgrade_answer(index: usize, input: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let answer = String::from_utf8_lossy(&input[..end]);
    if answer.starts_with("HTTP/1.1 101 ") && answer.contains(HANDSHAKE_ACCEPT) {
        return Ok(Some(end + 4));
    }
    Err(Failure::Refused { peer: index, answer: answer.lines().next().unwrap_or_default().to_owned() })
}

fn disconnected(peer: usize, error: &io::Error) -> Failure {
    Failure::Disconnected { peer, how: error.to_string() }
}
