//! How a hub trusts the others of its cluster. They are known by what this hub has itself: another hub has the same
//! certificate, or one that an issuer in this hub's own chain has signed for the host that is advertised. So a cluster
//! needs no more files than one hub does. No other authority is asked, and none of the system's.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::error::TlsError;

/// For connections to other hubs. Where they ask for a certificate, they get this hub's own.
pub fn client_config(
    identity: Arc<CertifiedKey>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let setup = |error: &dyn std::fmt::Display| TlsError::Setup(error.to_string());
    let verifier = Kin::new(&identity, provider).map_err(|error| setup(&error))?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    Ok(Arc::new(config))
}

/// Takes the certificates of hubs that belong together.
#[derive(Debug)]
struct Kin {
    own: CertificateDer<'static>,
    /// There is an issuer in the hub's own chain.
    issued: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Kin {
    fn new(identity: &CertifiedKey, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let (own, issuers) = identity.cert.split_first().ok_or(Error::NoCertificatesPresented)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(issuers.iter().cloned());
        let issued = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?,
            ),
        };
        Ok(Self { own: own.clone(), issued, provider: provider.clone() })
    }
}

impl ServerCertVerifier for Kin {
    fn verify_server_cert(
        &self,
        presented: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *presented == self.own {
            // Who has it shows in the handshake that the key is there, too.
            return Ok(ServerCertVerified::assertion());
        }
        match &self.issued {
            Some(issued) => issued.verify_server_cert(presented, intermediates, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Certificates,
        tests::{
            handshake::handshake,
            pem,
            workshop::{KeyKind, Workshop},
        },
    };

    /// What a hub with this chain and key has.
    fn hub(workshop: &Workshop, chain: &str, key: &str) -> Certificates {
        Certificates::load(pem(workshop, chain, key)).unwrap().0
    }

    #[test]
    fn hubs_with_the_same_certificate_trust_each_other() {
        let workshop = Workshop::new(KeyKind::EcP256);
        let (one, other) = (hub(&workshop, "leaf.pem", "leaf.key"), hub(&workshop, "leaf.pem", "leaf.key"));
        handshake(one.current(), other.to_hubs()).unwrap();
    }

    #[test]
    fn hubs_whose_certificates_have_the_same_issuer_trust_each_other_where_it_is_in_their_chains() {
        let workshop = Workshop::new(KeyKind::EcP256);
        workshop.make_leaf("other", "middle", KeyKind::EcP256);
        let chained = |leaf: &str| workshop.read(leaf) + &workshop.read("middle.pem");
        workshop.write("chain.pem", chained("leaf.pem"));
        workshop.write("others.pem", chained("other.pem"));
        let (one, other) = (hub(&workshop, "chain.pem", "leaf.key"), hub(&workshop, "others.pem", "other.key"));
        handshake(one.current(), other.to_hubs()).unwrap();
        handshake(other.current(), one.to_hubs()).unwrap();
        let bare = hub(&workshop, "other.pem", "other.key");
        assert!(handshake(one.current(), bare.to_hubs()).is_err());
    }

    #[test]
    fn a_stranger_is_not_trusted() {
        let (workshop, elsewhere) = (Workshop::new(KeyKind::EcP256), Workshop::new(KeyKind::EcP256));
        workshop.write("chain.pem", workshop.read("leaf.pem") + &workshop.read("middle.pem"));
        let (one, stranger) = (hub(&workshop, "chain.pem", "leaf.key"), hub(&elsewhere, "leaf.pem", "leaf.key"));
        assert!(handshake(stranger.current(), one.to_hubs()).is_err());
    }
}
