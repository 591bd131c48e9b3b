//! What the sockets of connections are set to, those of clients and those to other hubs.

use std::{io, ops::RangeInclusive, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::user_timeout;

/// Unanswered keepalive probes after which a host counts as dead: one a second, for as long as the connection was
/// silent before, within these bounds. Many, since probes get lost while nothing else is wrong: thousands of
/// connections that fell silent at the same time are asked at the same time, and the system drops what its queues have
/// no room for.
const KEEP_ALIVE_PROBES: RangeInclusive<u64> = 3..=15;

/// The settings.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Idle time before TCP asks whether the other host is alive; 0: never.
    pub keep_alive: Duration,
    /// How long sent data may stay unacknowledged; 0: as long as the system says.
    pub user_timeout: Duration,
    /// TCP_NODELAY.
    pub no_delay: bool,
}

impl Tuning {
    /// Sets a socket's options.
    pub fn apply(&self, socket: &TcpStream) -> io::Result<()> {
        socket.set_nodelay(self.no_delay)?;
        let socket = SockRef::from(socket);
        if !self.keep_alive.is_zero() {
            socket.set_tcp_keepalive(&keep_alive_after(self.keep_alive))?;
        }
        if !self.user_timeout.is_zero() {
            user_timeout::set(&socket, self.user_timeout)?;
        }
        Ok(())
    }
}

/// The system's settings for asking after so long a silence whether the other host is alive.
fn keep_alive_after(silence: Duration) -> TcpKeepalive {
    let probes = silence.as_secs().clamp(*KEEP_ALIVE_PROBES.start(), *KEEP_ALIVE_PROBES.end()) as u32;
    let keep_alive = TcpKeepalive::new().with_time(silence);
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    let keep_alive = keep_alive.with_interval((silence / probes).max(Duration::from_secs(1)));
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keep_alive = keep_alive.with_retries(probes);
    keep_alive
}
