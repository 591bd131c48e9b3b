//! The floor under every router that has one thread and makes one system call a delivery: it reads a frame of the first
//! peer and sends it to each of the others, with blocking calls, and does nothing else. It knows no databases, no ids,
//! no bounds, no TLS; it serves one run of `fanout` after the other and trusts its client. How near a router comes to
//! it tells what is left to gain.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Enough for the load generator's upgrade request and for each of its frames, in bytes.
const BUFFER: usize = 32 * 1024;
/// FIN and opcode 1: a whole text message.
const TEXT: u8 = 0x81;
/// Bytes of a client frame's header: two, a 16-bit length, the masking key.
const HEADER: usize = 8;
/// How a client's frame says that a 16-bit length follows.
const MASKED_16_BIT: u8 = 0x80 | 126;
/// Accepts the one key that the load generator sends, and welcomes.
const WELCOME: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x1cwelcome:{\"maxPayload\":16384}";

/// Those who receive in the present run. `None`: the next peer begins a run, as its sender.
type Receivers = Arc<Mutex<Option<Vec<TcpStream>>>>;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("ready {}", listener.local_addr()?.port());
    let receivers = Receivers::default();
    for peer in listener.incoming() {
        let peer = welcomed(peer?)?;
        let mut present = lock(&receivers);
        match &mut *present {
            Some(present) => present.push(peer),
            None => {
                *present = Some(Vec::new());
                let receivers = receivers.clone();
                std::thread::spawn(move || run(peer, &receivers));
            }
        }
    }
    Ok(())
}

fn lock(receivers: &Receivers) -> MutexGuard<'_, Option<Vec<TcpStream>>> {
    receivers.lock().unwrap_or_else(PoisonError::into_inner)
}

fn welcomed(mut peer: TcpStream) -> io::Result<TcpStream> {
    peer.set_nodelay(true)?;
    // On loopback a request of one write comes in one read.
    let _ = peer.read(&mut [0; BUFFER])?;
    peer.write_all(WELCOME)?;
    Ok(peer)
}

/// A run ends with its sender's connection, however that ends.
fn run(mut sender: TcpStream, receivers: &Receivers) {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    while let Ok(more @ 1..) = sender.read(&mut buffer[filled..]) {
        filled += more;
        while let Some(length) = whole_frame(&mut buffer[..filled]) {
            let frame = &buffer[HEADER - 4..length];
            let present = lock(receivers);
            for mut receiver in present.iter().flatten() {
                // Who does not get it misses it: the load generator will say so.
                let _ = receiver.write(frame);
            }
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
    *lock(receivers) = None;
}

/// Turns the client's frame at the front into a server's, four bytes shorter, and returns the length of the former.
/// `None`: it is not whole, or not one that the load generator sends as long as a run goes on.
fn whole_frame(input: &mut [u8]) -> Option<usize> {
    let &[TEXT, MASKED_16_BIT, high, low, a, b, c, d, ..] = &*input else { return None };
    let length = HEADER + usize::from(u16::from_be_bytes([high, low]));
    let payload = input.get_mut(HEADER..length)?;
    for (byte, key) in payload.iter_mut().zip([a, b, c, d].iter().cycle()) {
        *byte ^= key;
    }
    input[HEADER - 4..HEADER].copy_from_slice(&[TEXT, MASKED_16_BIT & 0x7f, high, low]);
    Some(length)
}
