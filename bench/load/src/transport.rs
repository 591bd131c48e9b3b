//! Bytes to and from one server connection, plain or through TLS. Knows nothing of WebSockets. Never blocks once made.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

/// The name put into the TLS greeting. No certificate is checked against it.
const SERVER_NAME: &str = "localhost";

/// Makes connections of one sort to the server under test.
pub struct Dialer {
    /// Of the servers. At least one.
    addresses: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    pub fn plain(ports: &[u16]) -> Self {
        Self { addresses: loopback(ports), tls: None }
    }

    /// Over TLS, every connection with a full handshake, and with any certificate taken: the server is our own.
    ///
    /// # Errors
    /// The TLS library refuses its own defaults.
    pub fn tls(ports: &[u16]) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustAnyone(provider)))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self { addresses: loopback(ports), tls: Some(Arc::new(config)) })
    }

    /// Connects to one of the servers. On loopback that takes no waiting as long as the server's backlog has room.
    ///
    /// # Errors
    /// Nobody listens there, or sockets have run out.
    pub fn dial(&self, server: usize) -> io::Result<Transport> {
        let socket = std::net::TcpStream::connect(self.addresses[server % self.addresses.len()])?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let socket = TcpStream::from_std(socket);
        let Some(config) = &self.tls else {
            return Ok(Transport::Plain(socket));
        };
        let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
        let mut session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        session.set_buffer_limit(None);
        Ok(Transport::Tls(Box::new(Tls { socket, session })))
    }
}

/// What one read gave.
pub struct Taken {
    /// Bytes now in the caller's buffer.
    pub bytes: usize,
    /// Nothing more is waiting: the poll will tell when there is.
    pub drained: bool,
}

pub enum Transport {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

pub struct Tls {
    socket: TcpStream,
    session: ClientConnection,
}

impl Transport {
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Transport::Plain(socket) => socket,
            Transport::Tls(tls) => &mut tls.socket,
        }
    }

    /// Reads what has arrived. `sealed` holds encrypted bytes on their way and must not be larger than `into`.
    ///
    /// # Errors
    /// The connection broke, or the server closed it (`UnexpectedEof`).
    pub fn read(&mut self, into: &mut [u8], sealed: &mut [u8]) -> io::Result<Taken> {
        match self {
            Transport::Plain(socket) => take(socket, into),
            Transport::Tls(tls) => tls.read(into, sealed),
        }
    }

    /// Writes as much of `outgoing` as the socket takes now, and removes that.
    ///
    /// # Errors
    /// The connection broke.
    pub fn flush(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Transport::Plain(socket) => give(socket, outgoing),
            Transport::Tls(tls) => tls.flush(outgoing),
        }
    }
}

impl Tls {
    fn read(&mut self, into: &mut [u8], sealed: &mut [u8]) -> io::Result<Taken> {
        let Taken { bytes: arrived, drained } = take(&mut self.socket, sealed)?;
        let mut rest = &sealed[..arrived];
        let mut bytes = 0;
        while !rest.is_empty() && self.session.read_tls(&mut rest)? > 0 {
            self.session.process_new_packets().map_err(io::Error::other)?;
            bytes += self.open_into(&mut into[bytes..])?;
        }
        // The handshake's answers, and alerts, leave at once.
        self.push()?;
        Ok(Taken { bytes, drained })
    }

    fn open_into(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut bytes = 0;
        loop {
            match self.session.reader().read(&mut into[bytes..]) {
                Ok(0) => return Ok(bytes),
                Ok(more) => bytes += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(bytes),
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self, outgoing: &mut Vec<u8>) -> io::Result<()> {
        self.session.writer().write_all(outgoing)?;
        outgoing.clear();
        self.push()
    }

    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn loopback(ports: &[u16]) -> Vec<SocketAddr> {
    ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port))).collect()
}

fn take(socket: &mut TcpStream, into: &mut [u8]) -> io::Result<Taken> {
    match socket.read(into) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        // A read that leaves room has emptied the socket: asking again would only cost a system call.
        Ok(bytes) => Ok(Taken { bytes, drained: bytes < into.len() }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Taken { bytes: 0, drained: true }),
        Err(error) => Err(error),
    }
}

fn give(socket: &mut TcpStream, outgoing: &mut Vec<u8>) -> io::Result<()> {
    let mut given = 0;
    while given < outgoing.len() {
        match socket.write(&outgoing[given..]) {
            Ok(bytes) => given += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    outgoing.drain(..given);
    Ok(())
}

/// Takes every certificate and every signature: proving the server's identity would only cost the generator time.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
