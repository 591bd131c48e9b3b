//! Connections to other hubs: plain, or with TLS where this hub speaks it, too.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long a connection may take to be made, TLS included: hubs are near each other.
const DIAL_LIMIT: Duration = Duration::from_secs(1);

/// Sets a socket's options.
pub type Tune = Box<dyn Fn(&TcpStream) -> io::Result<()> + Send + Sync>;

/// How to trust other hubs, as things stand: certificates are renewed.
pub type Trust = Box<dyn Fn() -> Arc<ClientConfig> + Send + Sync>;

/// Makes connections to other hubs.
pub struct Dialer {
    tune: Tune,
    trust: Option<Trust>,
}

/// A connection to another hub.
pub enum Line {
    /// Without TLS.
    Plain(TcpStream),
    /// With it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Dialer {
    /// `trust`: hubs speak TLS to each other.
    pub fn new(tune: Tune, trust: Option<Trust>) -> Self {
        Self { tune, trust }
    }

    /// Hubs speak TLS to each other.
    pub fn speaks_tls(&self) -> bool {
        self.trust.is_some()
    }

    /// Connects to a hub. `address`: `host:port`.
    ///
    /// # Errors
    /// It was not reached in time, or is not to be trusted.
    pub async fn dial(&self, address: &str) -> io::Result<Line> {
        timeout(DIAL_LIMIT, self.connect(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(&self, address: &str) -> io::Result<Line> {
        let socket = TcpStream::connect(address).await?;
        (self.tune)(&socket)?;
        let Some(trust) = &self.trust else { return Ok(Line::Plain(socket)) };
        let name = ServerName::try_from(host_of(address).to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(trust()).connect(name, socket).await?;
        Ok(Line::Tls(Box::new(stream)))
    }
}

/// The host of `host:port`, without brackets.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Calls the same method of whichever it is.
macro_rules! either {
    ($line:ident, $stream:ident => $call:expr) => {
        match $line.get_mut() {
            Line::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Line::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_checked_for_the_host_without_its_port() {
        for (address, host) in [("hub-a:9163", "hub-a"), ("10.0.0.1:1", "10.0.0.1"), ("[::1]:1", "::1")] {
            assert_eq!(host_of(address), host);
        }
    }
}
