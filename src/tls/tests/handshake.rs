//! A TLS handshake between two ends in memory, and some bytes each way.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, Connection, DEFAULT_VERSIONS, Error, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::workshop::Workshop;

/// A client that trusts `root.pem` and presents the certificate and key of the given name, if any.
pub fn client(workshop: &Workshop, own: Option<&str>) -> Arc<ClientConfig> {
    client_of(DEFAULT_VERSIONS, workshop, own)
}

/// As [`client`], of these versions of TLS only.
pub fn client_of(
    versions: &[&'static SupportedProtocolVersion],
    workshop: &Workshop,
    own: Option<&str>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(workshop.path("root.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let certificate = CertificateDer::from_pem_file(workshop.path(&format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(workshop.path(&format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    })
}

/// Connects, verifies the server as `localhost`, exchanges text, and gives the chain that the server presented.
pub fn handshake(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut server = Connection::from(ServerConnection::new(server)?);
    let mut client = Connection::from(ClientConnection::new(client, "localhost".try_into().unwrap())?);
    while client.wants_write() || server.wants_write() {
        carry(&mut client, &mut server)?;
        carry(&mut server, &mut client)?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    say("to the server", &mut client, &mut server)?;
    say("to the client", &mut server, &mut client)?;
    Ok(client.peer_certificates().unwrap().iter().map(|certificate| certificate.clone().into_owned()).collect())
}

fn carry(from: &mut Connection, to: &mut Connection) -> Result<(), Error> {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    let mut unread = wire.as_slice();
    while !unread.is_empty() {
        to.read_tls(&mut unread).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

fn say(text: &str, from: &mut Connection, to: &mut Connection) -> Result<(), Error> {
    from.writer().write_all(text.as_bytes()).unwrap();
    carry(from, to)?;
    let mut heard = vec![0; text.len()];
    to.reader().read_exact(&mut heard).unwrap();
    assert_eq!(heard, text.as_bytes());
    Ok(())
}
