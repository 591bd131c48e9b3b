//! How long sent data may stay unacknowledged before the system gives a connection up. Each system has its own words
//! for that, and some have none.

use std::{io, time::Duration};

use socket2::Socket;

/// Sets it. Linux counts milliseconds, and also the time in which the other side reads nothing.
///
/// # Errors
/// The connection is gone.
#[cfg(target_os = "linux")]
pub fn set(socket: &Socket, timeout: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

/// Sets it, in whole seconds: one option for data that is not acknowledged, another for a side that reads nothing. A
/// system that does not know one of them goes without.
///
/// # Errors
/// None.
#[cfg(target_vendor = "apple")]
pub fn set(socket: &Socket, timeout: Duration) -> io::Result<()> {
    use super::socket_option;

    /// `netinet/tcp.h`.
    const TCP_RXT_CONNDROPTIME: i32 = 0x80;
    const PERSIST_TIMEOUT: i32 = 0x40;

    for option in [TCP_RXT_CONNDROPTIME, PERSIST_TIMEOUT] {
        let _ = socket_option::set(socket, libc::IPPROTO_TCP, option, whole_seconds(timeout));
    }
    Ok(())
}

/// Sets it, in whole seconds. A side that reads nothing, but answers, is not given up. A system that does not know the
/// option goes without.
///
/// # Errors
/// None.
#[cfg(windows)]
pub fn set(socket: &Socket, timeout: Duration) -> io::Result<()> {
    use windows_sys::Win32::Networking::WinSock::{IPPROTO_TCP, TCP_MAXRT};

    use super::socket_option;

    let _ = socket_option::set(socket, IPPROTO_TCP, TCP_MAXRT, whole_seconds(timeout));
    Ok(())
}

/// This system has no such setting: it decides by itself.
///
/// # Errors
/// None.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", windows)))]
pub fn set(_: &Socket, _: Duration) -> io::Result<()> {
    Ok(())
}

/// At least one second, and never less than was asked for.
#[cfg(any(target_vendor = "apple", windows, test))]
fn whole_seconds(timeout: Duration) -> i32 {
    let seconds = timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0));
    i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_never_less_than_what_was_asked_for() {
        for (timeout, seconds) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(timeout)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), i32::MAX);
    }
}
