//! What server and keeper say to each other: messages of four bytes, some with a number behind them, some with open
//! sockets attached. Knows nothing of when to say what.

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
    io::{Errno, retry_on_intr},
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

/// Length of a message in bytes: mark, version, word, and how many bytes of detail follow.
const LEN: usize = 4;

/// The longest detail, in bytes: what one byte can say. Whoever gets more than it knows of ignores the rest, so that
/// later versions can add to it.
const MAX_DETAIL: usize = u8::MAX as usize;

/// The only detail so far, in bytes: a number, its highest byte first.
const NUMBER: usize = size_of::<u32>();

/// Sockets attached to one message at most: the listeners and the rendezvous. Parts of a legacy are no larger, though
/// kernels take more at once: it would win nothing that can be measured.
pub const MAX_ATTACHED: usize = MAX_LISTENERS + 1;

/// Marks a number of descriptors as that of what remains of a server. Above any that there can be.
pub const REMAINS: u32 = 1 << 31;

/// Room for them, in bytes.
const SPACE: usize = cmsg_space!(ScmRights(MAX_ATTACHED));

/// The words. Their numbers and the message's form are for ever: an old keeper must be able to talk to a new server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Server: keep these. Attached: the rendezvous socket, then the listening sockets.
    Take,
    /// Server: give me the listening sockets.
    Claim,
    /// Keeper: here they are, attached. This connection is now the one that the two share. Number, if a server has left
    /// a legacy: how many descriptors it is made of; with [`REMAINS`], if it was killed, and this is what remains.
    Given,
    /// Keeper: I serve another one, which is alive.
    Busy,
    /// Server: close the sockets and end.
    Go,
    /// Server: take my legacy. Attached: the connection to pass it over. Number: how many descriptors it is made of.
    /// The answer comes over that connection: [`Word::Got`] or [`Word::Full`].
    Entrust,
    /// Server: give me the legacy. Attached: the connection to pass it over.
    Inherit,
    /// Who passes a legacy: this comes next of it, attached.
    Part,
    /// Who gets a legacy: I have what was sent so far. It is safe now, and more may come.
    Got,
    /// Keeper: I cannot have so many open files. Number: how many I can have.
    Full,
    /// Server: close what you have of a legacy, or of what remains. I have it, or it is not to be used.
    Forget,
    /// Server: hold this, too, while I live, and for the next one should I die. Attached: it. Number: its number.
    Hold,
    /// Server: close what you hold. Number: which; without: all.
    Release,
}

/// Each word with its number.
const NUMBERS: [(Word, u8); 13] = [
    (Word::Take, 1),
    (Word::Claim, 2),
    (Word::Given, 3),
    (Word::Busy, 4),
    (Word::Go, 5),
    (Word::Entrust, 6),
    (Word::Inherit, 7),
    (Word::Part, 8),
    (Word::Got, 9),
    (Word::Full, 10),
    (Word::Forget, 11),
    (Word::Hold, 12),
    (Word::Release, 13),
];

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
    /// What the word is about, if it is one that has a number.
    pub number: Option<u32>,
    /// What is attached.
    pub attached: Vec<OwnedFd>,
}

/// Sends a word. What is attached stays open here too.
pub fn send(stream: &UnixStream, word: Word, attached: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_as(stream, VERSION, word, None, attached)
}

/// Sends a word that may have a number.
pub fn send_number(
    stream: &UnixStream,
    word: Word,
    number: Option<u32>,
    attached: &[BorrowedFd<'_>],
) -> io::Result<()> {
    send_as(stream, VERSION, word, number, attached)
}

/// Sends a word as a program of another version would.
pub fn send_as(
    stream: &UnixStream,
    version: u8,
    word: Word,
    number: Option<u32>,
    attached: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !attached.is_empty() && !control.push(SendAncillaryMessage::ScmRights(attached)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("more than {MAX_LISTENERS} listening sockets"),
        ));
    }
    let bytes = encode(version, word, number);
    let sent = retry_on_intr(|| sendmsg(stream, &[IoSlice::new(&bytes)], &mut control, no_signal()))?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

fn encode(version: u8, word: Word, number: Option<u32>) -> Vec<u8> {
    let detail = number.map(u32::to_be_bytes);
    let detail = detail.as_ref().map_or(&[][..], |bytes| bytes);
    // A detail is no longer than a number.
    let mut bytes = vec![MARK, version, word.number(), detail.len() as u8];
    bytes.extend(detail);
    bytes
}

/// Waits for a message, as long as the stream's timeout says. `None`: the other side is gone.
///
/// # Errors
/// The timeout; what came is no message; this process cannot have more open files ([`is_lack_of_files`]).
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
    stream.read_exact(&mut bytes[received.bytes..])?;
    let [MARK, version, word, detail] = bytes else { return Err(not_a_message()) };
    let number = receive_number(stream, detail)?;
    if received.flags.contains(ReturnFlags::CTRUNC) {
        // Not all that is attached came through.
        return Err(Errno::MFILE.into());
    }
    let word = Word::from_number(word).ok_or_else(not_a_message)?;
    Ok(Some(Message { version, word, number, attached }))
}

/// Reads a message's detail, and the number from it if there is one.
fn receive_number(mut stream: &UnixStream, length: u8) -> io::Result<Option<u32>> {
    let mut detail = [0; MAX_DETAIL];
    let detail = &mut detail[..length.into()];
    stream.read_exact(detail)?;
    Ok(detail.first_chunk::<NUMBER>().copied().map(u32::from_be_bytes))
}

/// Whether [`receive`] has failed because this process, or the system, cannot have more open files.
pub fn is_lack_of_files(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
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
