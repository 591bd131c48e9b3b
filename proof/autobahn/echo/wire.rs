//! An echo for text and binary messages, made of the server's wire code: how HTTP is read, the upgrade, the decoder and
//! its configuration, the outbox, the link that writes it to the socket, and the closing. Its own is only the loop
//! between them.

use std::{convert::Infallible, io, sync::Arc};

use acebase_ipc_server::{
    http::{self, handshake::Upgrade, stream::Stream},
    hub::{
        Departure, Outbox,
        transport::{LinkId, Transport},
    },
    protocol::{Text, close::CloseReason, frame},
    server::config,
    session::{
        Connection,
        closing::close,
        decoder::{Decoded, Decoder, Inbox},
        link::{Link, Written},
        passage::Whose,
    },
};
use bytes::{Bytes, BytesMut};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::{
    io::Interest,
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use crate::MAX_MESSAGE_SIZE;

/// Bytes read from a socket at a time: as many as a session of the hub reads.
const READ_LEN: usize = 128 * 1024;

/// FIN and opcode binary. The hub has no word for it.
const BINARY: u8 = 0x82;

/// There is one link to each outbox.
const LINK: LinkId = LinkId(0);

/// Serves a port.
pub async fn run(listener: TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(serve_http(stream(socket)?));
    }
}

/// A connection as the server has it before HTTP. There is no bound on their number.
fn stream(socket: TcpStream) -> io::Result<Stream> {
    socket.set_nodelay(true)?;
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().map_err(io::Error::other)?;
    Ok(Stream::plain(socket, place, CancellationToken::new()))
}

/// Any good handshake is answered, whatever it asks for.
async fn serve_http(stream: Stream) {
    let service = service_fn(|mut request| async move {
        let response = match Upgrade::accept(&mut request) {
            Ok((upgrade, response)) => {
                tokio::spawn(serve_upgraded(upgrade));
                response
            }
            Err(refusal) => *refusal,
        };
        Ok::<_, Infallible>(response)
    });
    let protocol = http::protocol(config::DEFAULT_MAX_HEADER_SIZE, config::DEFAULT_HANDSHAKE_TIMEOUT);
    // An error is the client's: it has been answered.
    let _ = protocol.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn serve_upgraded(upgrade: Upgrade) {
    if let Some((stream, ahead)) = upgrade.stream().await {
        Echo::new(stream.into_connection(ahead)).serve().await;
    }
}

/// How a connection ends.
enum Ending {
    /// The client is gone.
    Lost,
    /// The client has closed it.
    Closed,
    /// The server closes it.
    Close(CloseReason),
}

/// One connection.
struct Echo {
    reader: OwnedReadHalf,
    decoder: Decoder,
    link: Arc<Link>,
    outbox: Arc<Outbox>,
    read_ahead: Bytes,
}

impl Echo {
    fn new(connection: Connection) -> Self {
        let Connection { socket, tls, read_ahead, written, .. } = connection;
        let (reader, writer) = socket.into_split();
        let outbox = Arc::new(Outbox::new(config::DEFAULT_MAX_QUEUE));
        let link = Arc::new(Link::new(LINK, outbox.clone(), writer, tls, Written::before(written), Whose::Peer));
        outbox.attach(LINK, link.clone(), "", false);
        forget(&outbox);
        let decoder = Decoder::new(MAX_MESSAGE_SIZE, MAX_MESSAGE_SIZE);
        Self { reader, decoder, link, outbox, read_ahead }
    }

    async fn serve(mut self) {
        let ahead = std::mem::take(&mut self.read_ahead);
        let ending = match self.take_in(&ahead) {
            Some(ending) => ending,
            None => self.serve_socket().await,
        };
        let (answered, reason) = match ending {
            Ending::Lost => (false, None),
            Ending::Closed => (true, None),
            Ending::Close(reason) => (false, Some(reason)),
        };
        close(&mut self.reader, &self.link, answered, reason, config::DEFAULT_FLUSH_TIMEOUT).await;
        self.link.release();
    }

    async fn serve_socket(&mut self) -> Ending {
        let mut buffer = vec![0; READ_LEN];
        loop {
            let is_blocked = self.link.is_blocked();
            let interest = if is_blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let ready = self.reader.ready(interest).await;
            if is_blocked {
                self.link.write_on();
            }
            let ending = match ready.and_then(|_| self.reader.try_read(&mut buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Ok(0) | Err(_) => Some(Ending::Lost),
                Ok(len) => self.take_in(&buffer[..len]),
            };
            if let Some(ending) = ending {
                return ending;
            }
        }
    }

    /// As a session of the hub does it: pongs go before what the messages bring about, the answer to a close frame
    /// behind it.
    fn take_in(&mut self, bytes: &[u8]) -> Option<Ending> {
        let mut messages = Messages::default();
        let decoded = self.decoder.decode(bytes, &mut messages);
        let replies = self.decoder.take_replies();
        if decoded != Decoded::Closed {
            self.link.send_control(&replies);
        }
        for frame in messages.framed {
            self.outbox.push_frames(&frame, 1, Departure::Now);
        }
        self.link.flush();
        match decoded {
            Decoded::More => None,
            Decoded::Closed => {
                self.link.send_control(&replies);
                Some(Ending::Closed)
            }
            Decoded::Broken(reason) => Some(Ending::Close(reason)),
        }
    }
}

/// What was read at once, as frames to be sent back.
#[derive(Default)]
struct Messages {
    framed: Vec<Bytes>,
}

impl Inbox for Messages {
    fn text(&mut self, text: Text) {
        self.framed.push(framed(text.as_bytes()).freeze());
    }

    fn binary(&mut self, bytes: Bytes) {
        let mut frame = framed(&bytes);
        frame[0] = BINARY;
        self.framed.push(frame.freeze());
    }
}

fn framed(payload: &[u8]) -> BytesMut {
    let mut frame = BytesMut::new();
    frame::put_text(&mut frame, payload);
    frame
}

/// Empties an outbox, which begins with a greeting.
fn forget(outbox: &Outbox) {
    outbox.write_with(LINK, |slices| Ok(slices.iter().map(|slice| slice.len()).sum()));
}
