//! Why a server cannot be started: in words for a person, and as a code for programs.

use std::io;

use crate::tls::TlsError;

/// The server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, the address is not this machine's, …
    #[error("cannot listen on {address}: {source}{}", advice(source))]
    Listen {
        /// What was asked for.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// Only a fixed port can be kept.
    #[error("keepPort needs a fixed port: 0 is another one after each start")]
    KeepPort,
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No thread, no event queue.
    #[error("cannot start the server's runtime: {0}")]
    Runtime(io::Error),
}

impl StartError {
    /// The system's error code, as Node.js names it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => "EADDRINUSE",
                io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
                io::ErrorKind::PermissionDenied => "EACCES",
                _ => "ERR_IPC_LISTEN",
            },
            Self::KeepPort => "ERR_IPC_KEEP_PORT",
            Self::Tls(_) => "ERR_IPC_TLS",
            Self::Runtime(_) => "ERR_IPC_RUNTIME",
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ". Another process uses this port: stop it, or choose another port. One that a server has kept (keepPort) is \
             free a minute after that server has gone"
        }
        // Windows has no ports that need privileges, but ranges that it keeps, and servers that share no port.
        io::ErrorKind::PermissionDenied if cfg!(windows) => {
            ". Another process has this port on all addresses, or Windows keeps it for itself: choose another port"
        }
        io::ErrorKind::PermissionDenied => ". Ports below 1024 need privileges: choose a higher one",
        _ => "",
    }
}
