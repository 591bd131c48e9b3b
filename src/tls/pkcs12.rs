//! A server's identity in a PKCS#12 file (.pfx, .p12): one private key, its certificate, those of its issuers.
//!
//! The file is a bag without order, so the key's own certificate is found by its public key and its issuers by name.
//! Both today's protection (PBES2 with AES) and the former one (RC2 and 3DES) are read.

use std::{panic, sync::Arc};

use p12_keystore::{Certificate, CertificateBag, Pkcs12Archive, error::Error as Pkcs12Error};
use pkcs8::pkcs5;
use rustls::{
    Error as RustlsError,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SigningKey},
};

use super::{
    error::{NamedFile, TlsError},
    files::{read_file, signing_key},
    words::certificate_fault,
};

/// Reads the file's first private key that has a certificate, with the chain that leads from that certificate upwards.
///
/// No passphrase is the same as the empty one: files without protection are made with it.
pub(super) fn read_identity(
    file: NamedFile,
    passphrase: Option<&str>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let archive = open(&file, passphrase)?;
    let certificates: Vec<Certificate> = archive.certs.into_iter().map(|CertificateBag { cert, .. }| cert).collect();
    if archive.keys.is_empty() {
        return Err(TlsError::NoPkcs12Key { file });
    }
    if certificates.is_empty() {
        return Err(TlsError::NoPkcs12Certificate { file });
    }
    let mut unusable = None;
    for bag in archive.keys {
        let key = PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec());
        let key = signing_key(&file, key.into(), provider)?;
        for certificate in &certificates {
            match match_of(&key, certificate) {
                Match::Own => return Ok(CertifiedKey::new(chain_from(certificate, &certificates), key)),
                Match::Other => {}
                Match::Unusable(reason) => unusable = Some(reason),
            }
        }
    }
    Err(match unusable {
        Some(reason) => TlsError::UnusableCertificate { file, reason },
        None => TlsError::Pkcs12KeyMismatch { file },
    })
}

fn open(file: &NamedFile, passphrase: Option<&str>) -> Result<Pkcs12Archive, TlsError> {
    let content = read_file(file)?;
    // The parser panics at some damage, such as a cost of 0 where scrypt is asked for.
    let parsed = panic::catch_unwind(|| Pkcs12Archive::from_pkcs12(&content, passphrase.unwrap_or_default()));
    let Ok(parsed) = parsed else {
        return Err(TlsError::BrokenPkcs12 { file: file.clone(), reason: "its parameters make no sense".to_owned() });
    };
    parsed.map_err(|error| explain(file.clone(), passphrase, error))
}

/// Whose a certificate is.
enum Match {
    /// The key's.
    Own,
    /// Another key's.
    Other,
    /// It cannot be told, and this is why.
    Unusable(String),
}

fn match_of(key: &Arc<dyn SigningKey>, certificate: &Certificate) -> Match {
    match CertifiedKey::new(vec![to_der(certificate)], key.clone()).keys_match() {
        Ok(()) => Match::Own,
        Err(RustlsError::InconsistentKeys(_)) => Match::Other,
        Err(error) => Match::Unusable(certificate_fault(&error)),
    }
}

/// `own`, then its issuer, and so on as far as the file goes. Each certificate is taken once, so that authorities that
/// signed each other do not make an endless chain.
fn chain_from(own: &Certificate, certificates: &[Certificate]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![own];
    let mut last = own;
    while let Some(issuer) =
        certificates.iter().find(|candidate| candidate.subject() == last.issuer() && !chain.contains(candidate))
    {
        chain.push(issuer);
        last = issuer;
    }
    chain.into_iter().map(to_der).collect()
}

fn to_der(certificate: &Certificate) -> CertificateDer<'static> {
    CertificateDer::from(certificate.as_der().to_vec())
}

fn explain(file: NamedFile, passphrase: Option<&str>, error: Pkcs12Error) -> TlsError {
    let reason = error.to_string();
    match error {
        _ if shows_wrong_passphrase(&error) && passphrase.is_none() => TlsError::PassphraseMissing { file },
        _ if shows_wrong_passphrase(&error) => TlsError::PassphraseWrong { file },
        _ if shows_unsupported_algorithm(&error) => TlsError::UnsupportedPkcs12 { file, reason },
        Pkcs12Error::DerError(_) if passphrase.is_some_and(has_astral_character) => {
            TlsError::PassphraseUnsupported { file }
        }
        _ => TlsError::BrokenPkcs12 { file, reason },
    }
}

/// PKCS#12 derives keys from UTF-16, and the parser refuses characters that need two units there.
fn has_astral_character(text: &str) -> bool {
    text.chars().any(|c| c > '\u{FFFF}')
}

/// The checksum over the file fails first; a file without one fails at the padding of its first encrypted part.
fn shows_wrong_passphrase(error: &Pkcs12Error) -> bool {
    match error {
        Pkcs12Error::MacError(_) | Pkcs12Error::UnpadError => true,
        Pkcs12Error::Pkcs5Error(reason) => *reason == pkcs5::Error::DecryptFailed.to_string(),
        _ => false,
    }
}

fn shows_unsupported_algorithm(error: &Pkcs12Error) -> bool {
    matches!(
        error,
        Pkcs12Error::Pkcs5Error(_)
            | Pkcs12Error::UnsupportedEncryptionScheme
            | Pkcs12Error::UnsupportedMacAlgorithm
            | Pkcs12Error::UnsupportedContentType
            | Pkcs12Error::UnsupportedCertificateType
    )
}
