//! What server and keeper say to each other: messages of four bytes, some with open sockets attached. Knows nothing of
//! when to say what.

use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::{
    cmsg_space,
    io::retry_on_intr,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};

/// The version of what the messages mean, to be raised when that changes; their form never does. Both sides send it
/// with each message.
pub const VERSION: u8 = 1;

/// Listening sockets that a keeper holds at most: a host name with more addresses is a mistake. Below the 253 that a
/// kernel passes at once, with the rendezvous socket.
pub const MAX_LISTENERS: usize = 64;

/// First byte of each message: what begins otherwise is from neither a keeper nor a server.
const MARK: u8 = b'K';

/// Length of a message in bytes: mark, version, word, and one that is not used yet.
const LEN: usize = 4;

/// Sockets attached to one message at most: the listeners and the rendezvous.
const MAX_ATTACHED: usize = MAX_LISTENERS + 1;

/// Room for them, in bytes.
const SPACE: usize = cmsg_space!(ScmRights(MAX_ATTACHED));

/// The words. Their numbers and the message's form are for ever: an old keeper must be able to talk to a new server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Server: keep these. Attached: the rendezvous socket, then the listening sockets.
    Take,
    /// Server: give me the listening sockets.
    Claim,
    /// Keeper: here they are, attached. This connection is now the one that the two share.
    Given,
    /// Keeper: I serve another one, which is alive.
    Busy,
    /// Server: close the sockets and end.
    Go,
}

/// Each word with its number.
const NUMBERS: [(Word, u8); 5] = [(Word::Take, 1), (Word::Claim, 2), (Word::Given, 3), (Word::Busy, 4), (Word::Go, 5)];

impl Word {
    fn number(self) -> u8 {
        NUMBERS.iter().find(|(word, _)| *word == self).map_or(0, |(_, number)| *number)
    }

    fn from_number(number: u8) -> Option<Self> {
        NUMBERS.iter().find(|(_, candidate)| *candidate == number).map(|(word, _)| *word)
    }
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// The sender's [`VERSION`].
    pub version: u8,
    /// What it says.
    pub word: Word,
    /// What is attached.
    pub attached: Vec<OwnedFd>,
}

/// Sends a word. What is attached stays open here too.
pub fn send(stream: &UnixStream, word: Word, attached: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_as(stream, VERSION, word, attached)
}

/// Sends a word as a program of another version would.
pub fn send_as(stream: &UnixStream, version: u8, word: Word, attached: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !attached.is_empty() && !control.push(SendAncillaryMessage::ScmRights(attached)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("more than {MAX_LISTENERS} listening sockets"),
        ));
    }
    let message = [MARK, version, word.number(), 0];
    let sent = retry_on_intr(|| sendmsg(stream, &[IoSlice::new(&message)], &mut control, no_signal()))?;
    if sent == LEN { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Waits for a message, as long as the stream's timeout says. `None`: the other side is gone.
///
/// # Errors
/// The timeout; what came is no message; this process cannot have more open files.
pub fn receive(mut stream: &UnixStream) -> io::Result<Option<Message>> {
    let mut bytes = [0; LEN];
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        retry_on_intr(|| recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut control, close_on_exec()))?;
    let attached = collect(&mut control)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::Error::other("not all sockets came through: the limit of open files is too low"));
    }
    stream.read_exact(&mut bytes[received.bytes..])?;
    let [MARK, version, number, _] = bytes else { return Err(not_a_message()) };
    let word = Word::from_number(number).ok_or_else(not_a_message)?;
    Ok(Some(Message { version, word, attached }))
}

fn collect(control: &mut RecvAncillaryBuffer<'_>) -> io::Result<Vec<OwnedFd>> {
    let mut attached = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            attached.extend(sockets);
        }
    }
    for socket in &attached {
        // Where the kernel cannot do it on receipt.
        rustix::io::fcntl_setfd(socket.as_fd(), rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(attached)
}

fn not_a_message() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the other side is not what it should be")
}

/// Writing to a process that is gone must not end this one. On Apple's systems the stream itself is made so.
fn no_signal() -> SendFlags {
    #[cfg(target_vendor = "apple")]
    return SendFlags::empty();
    #[cfg(not(target_vendor = "apple"))]
    SendFlags::NOSIGNAL
}

/// Received sockets must not leak into programs that this one starts.
fn close_on_exec() -> RecvFlags {
    #[cfg(target_vendor = "apple")]
    return RecvFlags::empty();
    #[cfg(not(target_vendor = "apple"))]
    RecvFlags::CMSG_CLOEXEC
}
