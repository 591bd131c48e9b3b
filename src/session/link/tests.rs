//! What is written while somebody else puts mail into the outbox.

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// As much as makes the link ask, once it is written, what has been acknowledged.
const MUCH: &[u8] = &[b'x'; 20_000];

/// Somebody else, who puts mail into the outbox at the moment in which the link has written all and does not know
/// it yet.
struct Meddler {
    link: Arc<Link>,
    outbox: Arc<Outbox>,
}

impl Transport for Meddler {
    fn flush(&self) {}

    fn close(&self, _: CloseReason) {}

    fn acknowledged(&self) -> Option<u64> {
        self.outbox.push_text(&Bytes::from_static(b"late"));
        self.link.flush();
        Some(0)
    }

    fn delivered(&self) -> Option<u64> {
        None
    }

    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

/// A link whose socket takes some, and the other side.
async fn connected(outbox: &Arc<Outbox>) -> (Arc<Link>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let ours = listener.accept().await.unwrap().0;
    ours.writable().await.unwrap();
    let (_, writer) = ours.into_split();
    (Arc::new(Link::new(LinkId(1), outbox.clone(), writer, None, Written::before(0), Whose::Peer)), theirs)
}

#[tokio::test]
async fn mail_that_comes_as_the_session_stops_to_write_is_written() {
    let outbox = Arc::new(Outbox::new(1 << 20));
    let (link, _theirs) = connected(&outbox).await;
    outbox.retain();
    outbox.attach(LinkId(1), Arc::new(Meddler { link: link.clone(), outbox: outbox.clone() }), "welcome", false);
    outbox.push_text(&Bytes::from_static(MUCH));
    link.block();
    link.write_on();
    assert_eq!(outbox.waiting_bytes(), 0);
    assert!(!link.is_blocked());
    // The outbox holds the meddler, who holds the outbox.
    link.release();
}
