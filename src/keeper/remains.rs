//! What is left of a server that was killed: what it had its keeper hold. Knows nothing of what that is for.

use std::{fs::File, net::TcpStream, os::fd::OwnedFd};

use super::held::is_file;

/// What is left of a server that was killed, in no order.
#[derive(Debug, Default)]
pub struct Remains {
    /// Its files.
    pub files: Vec<File>,
    /// Its connections.
    pub connections: Vec<TcpStream>,
}

impl Remains {
    pub(super) fn of(descriptors: Vec<OwnedFd>) -> Self {
        let (files, connections): (Vec<_>, Vec<_>) = descriptors.into_iter().partition(is_file);
        Self {
            files: files.into_iter().map(File::from).collect(),
            connections: connections.into_iter().map(TcpStream::from).collect(),
        }
    }
}
