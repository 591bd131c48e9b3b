//! What the other side's kernel has acknowledged of a TCP stream. Linux only; elsewhere nobody knows.

use tokio::net::TcpStream;

/// Bytes that the other side has acknowledged since the connection was made.
#[cfg(target_os = "linux")]
pub fn bytes_acknowledged(socket: &TcpStream) -> Option<u64> {
    use std::os::fd::AsRawFd;

    /// Room for `struct tcp_info` of present and coming kernels, in 64-bit words.
    const WORDS: usize = 64;
    /// Where `tcpi_bytes_acked` lies in it: byte 120, since Linux 4.1.
    const BYTES_ACKED: usize = 120 / 8;

    let mut info = [0u64; WORDS];
    let mut len = std::mem::size_of_val(&info) as libc::socklen_t;
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
    (failed == 0 && len as usize >= (BYTES_ACKED + 1) * 8).then_some(info[BYTES_ACKED])
}

/// Not known on this platform.
#[cfg(not(target_os = "linux"))]
pub fn bytes_acknowledged(_: &TcpStream) -> Option<u64> {
    None
}
