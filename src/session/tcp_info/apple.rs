//! `struct tcp_connection_info` of macOS, since 10.11. The libc crate's declaration of it has other offsets: what are
//! bits there are whole numbers in it.

use std::time::Duration;

use tokio::net::TcpStream;

use super::raw;

/// Bytes of the `written` ones that the other side has acknowledged: those that are not in the socket's buffer any
/// more. The kernel is asked after they were counted, so that it is never too many.
pub fn bytes_acknowledged(socket: &TcpStream, written: u64) -> Option<u64> {
    /// Where `tcpi_snd_sbbytes` lies: bytes to be sent, and those that were and are not acknowledged.
    const BUFFERED: usize = 32;
    let buffered = u32::from_ne_bytes(read(socket, BUFFERED)?);
    Some(written.saturating_sub(buffered.into()))
}

/// Bytes that the other side may have read, on a connection that is over. Those that have left this machine count, as
/// on Linux, unless they were sent a second time without an answer yet.
pub fn bytes_delivered(socket: &TcpStream, written: u64) -> Option<u64> {
    /// Where `tcpi_flags` lies.
    const FLAGS: usize = 8;
    /// The oldest bytes are sent again, and no answer has come yet.
    const LOSS_RECOVERY: u32 = 1;
    /// Where `tcpi_txbytes` and behind it `tcpi_txretransmitbytes` lie.
    const BYTES_SENT: usize = 64;
    const BYTES_RETRANSMITTED: usize = 72;
    if u32::from_ne_bytes(read(socket, FLAGS)?) & LOSS_RECOVERY != 0 {
        return bytes_acknowledged(socket, written);
    }
    let sent = u64::from_ne_bytes(read(socket, BYTES_SENT)?);
    let again = u64::from_ne_bytes(read(socket, BYTES_RETRANSMITTED)?);
    Some(sent.saturating_sub(again))
}

/// The smoothed round trip time.
pub fn round_trip(socket: &TcpStream) -> Option<Duration> {
    /// Where `tcpi_srtt` lies, in milliseconds.
    const RTT: usize = 44;
    read(socket, RTT).map(|bytes| Duration::from_millis(u32::from_ne_bytes(bytes).into()))
}

/// Whether both sides still hold the connection open.
pub fn is_established(socket: &TcpStream) -> Option<bool> {
    /// Where `tcpi_state` lies.
    const STATE: usize = 0;
    /// `TCPS_ESTABLISHED`.
    const ESTABLISHED: u8 = 4;
    read(socket, STATE).map(|[state]| state == ESTABLISHED)
}

/// Reads a number of the structure.
fn read<const N: usize>(socket: &TcpStream, at: usize) -> Option<[u8; N]> {
    raw::read(socket, libc::TCP_CONNECTION_INFO, at)
}
