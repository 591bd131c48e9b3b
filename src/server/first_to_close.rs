//! Makes the system close a listening socket before all connections when it ends the process.
//!
//! Linux closes the files of a killed process from the highest number to the lowest, and a busy machine takes some
//! milliseconds for that. A listening socket has a low number by nature: clients whose connection was closed come back
//! at once, are taken by the socket of a process that is dead already, and are cut off again. A published client ends
//! itself then, and a load balancer that was connected does not try another hub. Where the port is closed first, they
//! are refused, and the load balancer goes to the next hub in the same moment. Knows nothing of servers.

use std::{net::TcpListener, os::fd::AsFd};

use rustix::io::fcntl_dupfd_cloexec;

use crate::keeper::limit_of_open_files;

/// The number that listening sockets get at least: more than the connections of nearly any hub, and the system's table
/// of open files (eight bytes for each number up to the highest) stays at half a mebibyte.
const HIGH: u32 = 60_000;

/// How many numbers are left above, where the process may not have so many: for all listening sockets.
const SPARE: u32 = 16;

/// The same socket under a high number; under its own where that cannot be.
pub fn first_to_close(listener: TcpListener) -> TcpListener {
    let number = HIGH.min(limit_of_open_files().saturating_sub(SPARE));
    match i32::try_from(number).map(|number| fcntl_dupfd_cloexec(listener.as_fd(), number)) {
        Ok(Ok(high)) => high.into(),
        _ => listener,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn it_is_the_same_socket_above_all_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let high = first_to_close(listener);
        assert_eq!(high.local_addr().unwrap(), address);
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(high.as_raw_fd() > other.as_raw_fd() + 100);
    }
}
