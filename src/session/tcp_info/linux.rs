//! `struct tcp_info` of Linux.

use std::{os::fd::AsFd, time::Duration};

use tokio::net::TcpStream;

use super::raw;
use crate::hub::journal::Standing;

/// Bytes that the other side has acknowledged since the connection was made. The kernel knows better than we how many
/// were written.
pub fn bytes_acknowledged(socket: &TcpStream, _written: u64) -> Option<u64> {
    /// Where `tcpi_bytes_acked` lies: byte 120, since Linux 4.1.
    const BYTES_ACKED: usize = 120;
    read(socket, BYTES_ACKED).map(u64::from_ne_bytes)
}

/// Bytes that the other side may have read, on a connection that is over.
///
/// The other side acknowledges up to 200 ms after its program has read (delayed acknowledgements), so bytes that have
/// left this machine count as read, though they are not acknowledged. Unless they were sent a second time: that happens
/// when more than 200 ms have brought no acknowledgement, and so nothing has arrived.
pub fn bytes_delivered(socket: &TcpStream, written: u64) -> Option<u64> {
    /// Where `tcpi_retransmits` lies: how often the oldest bytes were sent again, without an answer yet.
    const RETRANSMITS: usize = 2;
    /// Where `tcpi_bytes_sent` and behind it `tcpi_bytes_retrans` lie: since Linux 4.19.
    const BYTES_SENT: usize = 200;
    const BYTES_RETRANSMITTED: usize = 208;
    if read(socket, RETRANSMITS)? != [0] {
        return bytes_acknowledged(socket, written);
    }
    let sent = u64::from_ne_bytes(read(socket, BYTES_SENT)?);
    let again = u64::from_ne_bytes(read(socket, BYTES_RETRANSMITTED)?);
    Some(sent.saturating_sub(again))
}

/// How far the kernel has come with a connection.
pub fn standing(socket: &impl AsFd) -> Option<Standing> {
    /// `TCP_CLOSE_WAIT`: the other side has ended its stream, which counts as a byte that was received.
    const CLOSE_WAIT: u8 = 8;
    /// How often it is looked whether all numbers are of one moment.
    const LOOKS: usize = 8;
    /// Where `tcpi_bytes_acked` lies, and behind it `tcpi_bytes_received`.
    const ACKED_AND_RECEIVED: usize = 120;

    let look = || -> Option<[u8; 16]> { read(socket, ACKED_AND_RECEIVED) };
    let mut before = look()?;
    for _ in 0..LOOKS {
        let unread = rustix::io::ioctl_fionread(socket).ok()?;
        let unacknowledged = unacknowledged(socket)?;
        let [state] = read(socket, 0)?;
        let after = look()?;
        if before == after {
            let (acknowledged, received) = after.split_at(size_of::<u64>());
            let acknowledged = u64::from_ne_bytes(acknowledged.try_into().ok()?);
            let received = u64::from_ne_bytes(received.try_into().ok()?).checked_sub(u64::from(state == CLOSE_WAIT))?;
            let read = received.checked_sub(unread)?;
            return Some(Standing { read, written: acknowledged + unacknowledged, acknowledged });
        }
        before = after;
    }
    None
}

/// The system's number of a socket: no other one has it, whichever process has this one.
pub fn number(socket: &impl AsFd) -> Option<u64> {
    rustix::net::sockopt::socket_cookie(socket).ok()
}

/// Bytes that were written and not acknowledged.
fn unacknowledged(socket: &impl AsFd) -> Option<u64> {
    use std::os::fd::AsRawFd;

    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open while `socket` lives, and the kernel writes one number.
    let failed = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    u64::try_from(count).ok().filter(|_| failed == 0)
}

/// The smoothed round trip time.
pub fn round_trip(socket: &TcpStream) -> Option<Duration> {
    /// Where `tcpi_rtt` lies, in microseconds.
    const RTT: usize = 68;
    read(socket, RTT).map(|bytes| Duration::from_micros(u32::from_ne_bytes(bytes).into()))
}

/// Whether both sides still hold the connection open. It shows a moment before it is read that the other side has ended
/// it.
pub fn is_established(socket: &TcpStream) -> Option<bool> {
    /// Where `tcpi_state` lies.
    const STATE: usize = 0;
    const ESTABLISHED: u8 = 1;
    read(socket, STATE).map(|[state]| state == ESTABLISHED)
}

/// Reads a number of the structure.
fn read<const N: usize>(socket: &impl AsFd, at: usize) -> Option<[u8; N]> {
    raw::read(socket, libc::TCP_INFO, at)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{Shutdown, TcpListener, TcpStream},
        thread::sleep,
        time::{Duration, Instant},
    };

    use super::*;

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (theirs, listener.accept().unwrap().0)
    }

    fn eventually(mut holds: impl FnMut() -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !holds() {
            assert!(Instant::now() < until, "it does not come to that");
            sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_was_read_and_written_is_known_to_the_byte_also_when_the_other_side_has_ended() {
        let (mut theirs, mut ours) = connected();
        assert_eq!(standing(&ours), Some(Standing { read: 0, written: 0, acknowledged: 0 }));
        theirs.write_all(&[0; 1_000]).unwrap();
        ours.read_exact(&mut [0; 300]).unwrap();
        ours.write_all(&[0; 70]).unwrap();
        eventually(|| standing(&ours).unwrap().acknowledged == 70);
        assert_eq!(standing(&ours), Some(Standing { read: 300, written: 70, acknowledged: 70 }));
        theirs.shutdown(Shutdown::Write).unwrap();
        eventually(|| !is_open(&ours));
        assert_eq!(standing(&ours), Some(Standing { read: 300, written: 70, acknowledged: 70 }));
        ours.read_exact(&mut [0; 700]).unwrap();
        assert_eq!(standing(&ours).unwrap().read, 1_000);
        assert_eq!(ours.read(&mut [0; 1]).unwrap(), 0);
        assert_eq!(standing(&ours).unwrap().read, 1_000);
    }

    #[test]
    fn what_the_other_side_does_not_read_was_written() {
        let (_theirs, mut ours) = connected();
        ours.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = ours.write(&[0; 60_000]) {
            written += count as u64;
        }
        eventually(|| standing(&ours).unwrap().acknowledged > 0);
        let standing = standing(&ours).unwrap();
        assert_eq!(standing.written, written);
        assert!(standing.acknowledged < written);
    }

    #[test]
    fn a_duplicate_has_the_number_of_the_original_and_nobody_else_has() {
        let (theirs, ours) = connected();
        assert_eq!(number(&ours), number(&ours.try_clone().unwrap()));
        assert_ne!(number(&ours), number(&theirs));
    }

    fn is_open(socket: &TcpStream) -> bool {
        read(socket, 0) == Some([1])
    }
}
