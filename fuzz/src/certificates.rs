//! Certificate, key and PKCS#12 files, as a user may name them by mistake or copy them by halves.

use std::{
    fs, panic,
    path::PathBuf,
    sync::{Arc, Once},
};

use acebase_ipc_server::tls::{IdentitySource, TlsOptions, load};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tempfile::TempDir;

use crate::{input::Input, memory};

/// A good certificate and its key, for the file that is not fuzzed. Made for this; protects nothing.
const CERTIFICATE: &[u8] = include_bytes!("../fixtures/leaf.pem");
const KEY: &[u8] = include_bytes!("../fixtures/leaf.key");

const PASSPHRASES: [Option<&str>; 4] = [Some("secret"), None, Some(""), Some("\u{1F600}")];

/// Bytes that loading may take, beside copies of the file: what a key derivation may need, which the file chooses.
const MAX_KEY_DERIVATION: usize = 80 << 20;

/// As above, of a PKCS#12 file: the library's own bound.
const MAX_PKCS12_KEY_DERIVATION: usize = (1 << 30) + (64 << 20);

/// Copies of the file that loading may make: as text, as bytes, and as what is in it.
const COPIES: usize = 64;

/// Any file in the place of the certificate, the key, both, the authorities or the PKCS#12 file, with any passphrase.
///
/// - Loading comes to an end, whatever number of rounds the file asks for, and takes no more memory than is named
///   above.
/// - An error names its option and the file, and says what to do; it holds no passphrase.
/// - What loads can serve: a client that checks the signature against the certificate is content.
pub fn certificates(data: &[u8]) {
    let_panics_be_caught();
    let mut input = Input::new(data);
    let role = input.pick(&[Role::Key, Role::Certificate, Role::Both, Role::Authorities, Role::Pkcs12]);
    let passphrase = input.pick(&PASSPHRASES);
    let content = input.rest();
    let directory = tempfile::tempdir().expect("there is no room for files");
    let options = role.options(&directory, content, passphrase);
    let (loaded, peak) = memory::peak_of(|| load(&options));
    assert!(peak <= role.bound() + COPIES * content.len(), "loading takes {peak} bytes");
    match loaded {
        Ok(server) if role != Role::Authorities => check_serves(server.config),
        Ok(_) => {}
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("ssl.") && message.contains(". "), "what is to be done? {message}");
            let hides = passphrase.is_none_or(|passphrase| passphrase.is_empty() || !message.contains(passphrase));
            assert!(hides, "the passphrase is told: {message}");
        }
    }
}

/// libFuzzer ends the process at any panic, also at one that is caught, as those of the PKCS#12 parser are.
fn let_panics_be_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|panic| eprintln!("{panic}"))));
}

/// Which file is fuzzed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Key,
    Certificate,
    Both,
    Authorities,
    Pkcs12,
}

impl Role {
    fn options(self, directory: &TempDir, content: &[u8], passphrase: Option<&str>) -> TlsOptions {
        let file = |name: &str, content: &[u8]| -> PathBuf {
            let path = directory.path().join(name);
            fs::write(&path, content).expect("there is no room for files");
            path
        };
        let fuzzed = file("fuzzed", content);
        let (cert_path, key_path) = match self {
            Self::Key => (file("cert.pem", CERTIFICATE), fuzzed.clone()),
            Self::Certificate => (fuzzed.clone(), file("key.pem", KEY)),
            Self::Both => (fuzzed.clone(), fuzzed.clone()),
            Self::Authorities | Self::Pkcs12 => (file("cert.pem", CERTIFICATE), file("key.pem", KEY)),
        };
        let identity = match self {
            Self::Pkcs12 => IdentitySource::Pkcs12 { pfx_path: fuzzed.clone() },
            _ => IdentitySource::Pem { cert_path, key_path },
        };
        let client_ca_path = (self == Self::Authorities).then_some(fuzzed);
        let request_cert = client_ca_path.is_some();
        TlsOptions { identity, passphrase: passphrase.map(str::to_owned), client_ca_path, request_cert }
    }

    fn bound(self) -> usize {
        if self == Self::Pkcs12 { MAX_PKCS12_KEY_DERIVATION } else { MAX_KEY_DERIVATION }
    }
}

/// A handshake in memory, with a client that believes any name, and checks the signature.
fn check_serves(config: Arc<ServerConfig>) {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyName(provider.clone()));
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the client has no protocol version")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("localhost is no name");
    let client = ClientConnection::new(Arc::new(client), name).expect("there is no client");
    let (mut client, mut server) =
        (client.into(), ServerConnection::new(config).expect("what was loaded makes no server").into());
    while carry(&mut client, &mut server) | carry(&mut server, &mut client) {}
    assert!(!client.is_handshaking() && !server.is_handshaking(), "the handshake hangs");
}

/// Carries what one end has to say to the other. `false`: nothing.
pub fn carry(from: &mut Connection, to: &mut Connection) -> bool {
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).expect("memory takes no bytes");
    }
    let mut unread = wire.as_slice();
    while !unread.is_empty() {
        to.read_tls(&mut unread).expect("memory gives no bytes");
        to.process_new_packets().expect("what was loaded is refused");
    }
    !wire.is_empty()
}

/// A client that believes any name.
#[derive(Debug)]
pub struct AnyName(pub Arc<CryptoProvider>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
