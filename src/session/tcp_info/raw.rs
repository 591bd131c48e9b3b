//! Reads numbers of a structure that the kernel fills in, by where they lie in it.

use std::os::fd::{AsFd, AsRawFd};

/// Room for what present and coming kernels write, in bytes.
const ROOM: usize = 512;

/// The `N` bytes from `at` on of what the TCP option says. `None`: the kernel does not say so much.
pub fn read<const N: usize>(socket: &impl AsFd, option: libc::c_int, at: usize) -> Option<[u8; N]> {
    let mut info = [0u8; ROOM];
    let mut len = ROOM as libc::socklen_t;
    // SAFETY: the descriptor is open while `socket` lives, and the kernel writes at most `len` bytes into `info`.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            info.as_mut_ptr().cast::<libc::c_void>(),
            &raw mut len,
        )
    };
    let known = info.get(..len as usize).filter(|_| failed == 0)?;
    known.get(at..at + N)?.try_into().ok()
}
