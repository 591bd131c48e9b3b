//! What comes together: frames behind the upgrade request, and the end of TLS behind both.

use super::*;

/// Texts of so many bytes, a client's frames around them, and a mask that changes nothing.
fn texts(bytes: usize) -> (usize, Vec<u8>) {
    const LEN: usize = 100;
    let count = bytes.div_ceil(LEN);
    let frame = [&[0x81, 0x80 | LEN as u8, 0, 0, 0, 0][..], &[b'a'; LEN]].concat();
    (count, frame.repeat(count))
}

/// Everything in one write, encrypted where there is TLS; `behind` as it is.
fn send_at_once(stream: &mut Stream, bytes: &[u8], behind: Option<&[u8]>) {
    match stream {
        Stream::Plain(socket) => socket.write_all(bytes).unwrap(),
        Stream::Tls(stream) => {
            stream.flush().unwrap();
            stream.conn.set_buffer_limit(None);
            stream.conn.writer().write_all(bytes).unwrap();
            if behind.is_some() {
                stream.conn.send_close_notify();
            }
            let mut cipher = Vec::new();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut cipher).unwrap();
            }
            cipher.extend_from_slice(behind.unwrap_or_default());
            stream.sock.write_all(&cipher).unwrap();
        }
    }
}

/// Whoever listens hears all that came in the flight of the upgrade, though nothing follows.
fn hears_one_flight(transport: &Transport, bytes: usize, behind: Option<&[u8]>) {
    let server = transport.start();
    let mut listener = transport.connect(server.port(), "listener");
    let mut speaker = transport.open(server.port());
    let (count, frames) = texts(bytes);
    let upgrade = "GET /db/connect?v=1.0.0&id=speaker&t=undefined HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    send_at_once(&mut speaker, &[upgrade.as_bytes(), &frames].concat(), behind);
    assert_eq!(listener.read().unwrap().into_text().unwrap(), "connect:speaker");
    for heard in 0..count {
        let text = listener.read().map(|message| message.into_text().unwrap());
        assert!(text.as_ref().is_ok_and(|text| text.len() == 100), "{heard} of {count} are heard, then {text:?}");
    }
    if behind.is_some() {
        assert_eq!(listener.read().unwrap().into_text().unwrap(), "disconnect:speaker");
    }
    server.stop();
}

#[test]
fn frames_in_one_flight_with_the_upgrade_are_heard() {
    for transport in [Transport::plain(), Transport::tls()] {
        for bytes in [100, 12_000, 200_000] {
            hears_one_flight(&transport, bytes, None);
        }
    }
}

#[test]
fn frames_before_the_end_of_tls_are_heard_and_bytes_behind_it_mean_nothing() {
    for bytes in [100, 12_000] {
        hears_one_flight(&Transport::tls(), bytes, Some(&[0x17; 20_000]));
    }
}
