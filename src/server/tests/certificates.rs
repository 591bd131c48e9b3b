//! Renewed certificates come into use while the server runs.

use std::time::Instant;

use super::*;
use crate::tls::TlsError;

/// The certificate that the server presents to a new connection.
fn presented(transport: &Transport, server: &Server) -> Vec<u8> {
    let client = transport.connect(server.port(), "client");
    let Stream::Tls(stream) = client.get_ref() else { panic!("no TLS") };
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn renew(workshop: &Workshop) {
    workshop.make_leaf("leaf", "middle", KeyKind::EcP256);
    workshop.write("chain.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem"));
}

#[test]
fn certificates_are_read_anew_when_asked_for_and_bad_ones_are_not_used() {
    let transport = Transport::tls();
    let workshop = transport.workshop.as_ref().unwrap();
    let server = transport.start();
    let mut early = transport.connect(server.port(), "early");
    let before = presented(&transport, &server);

    renew(workshop);
    assert_eq!(presented(&transport, &server), before);
    server.reload_certificates().unwrap();
    let after = presented(&transport, &server);
    assert_ne!(after, before);

    workshop.write("chain.pem", "nonsense");
    assert!(matches!(server.reload_certificates(), Err(TlsError::NoPemCertificate { .. })));
    assert_eq!(presented(&transport, &server), after);
    let status = server.status_json(&Default::default());
    assert!(status.contains("certificates-reloaded") && status.contains("certificates-not-reloaded"));

    // The old connection goes on.
    early.send(Message::text("ping")).unwrap();
    while early.read().unwrap().into_text().unwrap() != "pong" {}
    server.stop();
}

#[test]
fn changed_certificates_come_into_use_by_themselves() {
    const PATIENCE: Duration = Duration::from_secs(30);

    let transport = Transport::tls();
    let server = transport.start();
    let before = presented(&transport, &server);
    renew(transport.workshop.as_ref().unwrap());
    let started = Instant::now();
    while presented(&transport, &server) == before {
        assert!(started.elapsed() < PATIENCE, "the old certificate is still in use");
        sleep(Duration::from_millis(500));
    }
    server.stop();
}
