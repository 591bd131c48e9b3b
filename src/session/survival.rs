//! What lets a connection outlive the process, should that be killed: a duplicate of its socket is kept elsewhere, and
//! it is known from the start what the kernel counts on it. Knows nothing of who keeps the duplicate.

use std::{net::Shutdown, sync::Weak, time::Duration};

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
use super::tcp_info;
use super::{
    decoder::{Decoded, Decoder},
    link::Link,
};
use crate::{
    hub::journal::{Provenance, Reader},
    protocol::Text,
};

/// Keeps duplicates of the sockets of connections.
pub trait Keep: Send + Sync {
    /// Keeps a duplicate of this one's socket, until what is given back is dropped.
    fn keep(&self, link: Weak<Link>) -> Kept;
}

/// A duplicate is kept until this is dropped.
pub type Kept = Box<dyn Send + Sync>;

/// What a connection is before it becomes a peer's. `ahead`: bytes that were read, and not heeded yet; `written`: to
/// the socket. Where the system does not tell, nobody can go on with it.
pub(super) fn origin(socket: &TcpStream, ahead: usize, written: u64, max_message_size: usize) -> Provenance {
    let known = standing(socket).and_then(|(number, read)| Some((number, read.checked_sub(ahead as u64)?)));
    let (socket, read) = known.unwrap_or_default();
    Provenance { socket, read, written, max_message_size }
}

/// The system's number of a socket, and how many bytes were read from it.
#[cfg(target_os = "linux")]
fn standing(socket: &TcpStream) -> Option<(u64, u64)> {
    Some((tcp_info::number(socket)?, tcp_info::standing(socket)?.read))
}

/// Not known.
#[cfg(not(target_os = "linux"))]
fn standing(_: &TcpStream) -> Option<(u64, u64)> {
    None
}

/// Ends a connection of which there is a duplicate: that it is closed here, the other side would not see.
pub(super) fn hang_up(socket: &TcpStream) {
    let socket_ref = SockRef::from(socket);
    if socket_ref.linger().is_ok_and(|linger| linger == Some(Duration::ZERO)) {
        reset(socket);
    }
    // Where it is over already, this fails.
    let _ = socket_ref.shutdown(Shutdown::Both);
}

/// Drops the connection and what the kernel still has for it.
#[cfg(target_os = "linux")]
fn reset(socket: &TcpStream) {
    let _ = rustix::net::connect_unspec(socket);
}

/// There are no duplicates.
#[cfg(not(target_os = "linux"))]
fn reset(_: &TcpStream) {}

/// Takes a connection's bytes apart once more, as its session has done.
pub struct Again {
    decoder: Decoder,
    is_over: bool,
}

impl Again {
    /// For a connection with these limits.
    pub fn new(max_payload: usize, max_message_size: usize) -> Self {
        Self { decoder: Decoder::new(max_payload, max_message_size), is_over: false }
    }
}

impl Reader for Again {
    fn read(&mut self, bytes: &[u8]) -> Vec<Text> {
        let mut messages = Vec::new();
        if !self.is_over {
            self.is_over = self.decoder.decode(bytes, &mut messages) != Decoded::More;
            // What answers them is recorded where it was said.
            let _ = self.decoder.take_replies();
        }
        messages
    }

    fn unread(self: Box<Self>) -> Option<Bytes> {
        (!self.is_over).then(|| self.decoder.unread().into())
    }
}
