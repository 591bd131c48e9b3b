//! Sets options of sockets that socket2 does not know, on macOS and Windows. All of them are whole numbers.

use std::io;

use socket2::Socket;

/// Sets an option.
///
/// # Errors
/// The system does not know the option, or does not take the value.
#[cfg(target_vendor = "apple")]
pub fn set(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // SAFETY: the descriptor is open while `socket` lives, and the kernel reads as many bytes as an i32 has.
    let failed = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast::<libc::c_void>(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets an option.
///
/// # Errors
/// The system does not know the option, or does not take the value.
#[cfg(windows)]
pub fn set(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    use std::os::windows::io::AsRawSocket;

    use windows_sys::Win32::Networking::WinSock;

    // SAFETY: the socket is open while `socket` lives, and the system reads as many bytes as an i32 has.
    let failed = unsafe {
        WinSock::setsockopt(
            socket.as_raw_socket() as WinSock::SOCKET,
            level,
            name,
            (&raw const value).cast::<u8>(),
            size_of::<i32>() as i32,
        )
    };
    // Windows tells a socket's error in its own way: `last_os_error` knows it.
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
