//! What the kernel knows of a TCP connection. Linux only; elsewhere nobody knows.

use std::time::Duration;

use tokio::net::TcpStream;

/// Bytes that the other side has acknowledged since the connection was made.
pub fn bytes_acknowledged(socket: &TcpStream) -> Option<u64> {
    /// Where `tcpi_bytes_acked` lies: byte 120, since Linux 4.1.
    const BYTES_ACKED: usize = 120;
    read(socket, BYTES_ACKED).map(u64::from_ne_bytes)
}

/// Bytes that the other side may have read, on a connection that is over.
///
/// The other side acknowledges up to 200 ms after its program has read (delayed acknowledgements), so bytes that have
/// left this machine count as read, though they are not acknowledged. Unless they were sent a second time: that happens
/// when more than 200 ms have brought no acknowledgement, and so nothing has arrived.
pub fn bytes_delivered(socket: &TcpStream) -> Option<u64> {
    /// Where `tcpi_retransmits` lies: how often the oldest bytes were sent again, without an answer yet.
    const RETRANSMITS: usize = 2;
    /// Where `tcpi_bytes_sent` and behind it `tcpi_bytes_retrans` lie: since Linux 4.19.
    const BYTES_SENT: usize = 200;
    const BYTES_RETRANSMITTED: usize = 208;
    if read(socket, RETRANSMITS)? != [0] {
        return bytes_acknowledged(socket);
    }
    let sent = u64::from_ne_bytes(read(socket, BYTES_SENT)?);
    let again = u64::from_ne_bytes(read(socket, BYTES_RETRANSMITTED)?);
    Some(sent.saturating_sub(again))
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

/// Reads a number of `struct tcp_info`.
#[cfg(target_os = "linux")]
fn read<const N: usize>(socket: &TcpStream, at: usize) -> Option<[u8; N]> {
    use std::os::fd::AsRawFd;

    /// Room for the `struct tcp_info` of present and coming kernels, in bytes.
    const ROOM: usize = 512;

    let mut info = [0u8; ROOM];
    let mut len = ROOM as libc::socklen_t;
    // SAFETY: the descriptor is open while `socket` lives, and the kernel writes at most `len` bytes into `info`.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast::<libc::c_void>(),
            &raw mut len,
        )
    };
    let known = info.get(..len as usize).filter(|_| failed == 0)?;
    known.get(at..at + N)?.try_into().ok()
}

/// Not known on this platform.
#[cfg(not(target_os = "linux"))]
fn read<const N: usize>(_: &TcpStream, _: usize) -> Option<[u8; N]> {
    None
}
