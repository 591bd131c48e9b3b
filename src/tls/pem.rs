//! Certificates and private keys in PEM files.
//!
//! Text around the blocks, a byte order mark, any line ending and any line width are accepted, as OpenSSL's tools and
//! editors produce them. What a certificate says is not looked at here.

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument, pkcs5};
use rustls::{
    Error as RustlsError, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
        pem::{Error as PemError, PemObject},
    },
    sign::CertifiedKey,
};

use super::{NamedFile, TlsError, certificate_fault, read_file, signing_key};

/// The header of a key that was encrypted the way OpenSSL did before PKCS#8. It is no base64, so such a block never
/// decodes as a key.
const OLD_STYLE_ENCRYPTION: &str = "Proc-Type: 4,ENCRYPTED";

/// What some Windows editors put before text. Files that were joined have it in the middle, too.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

const ENCRYPTED_KEY_LABEL: &str = "ENCRYPTED PRIVATE KEY-----";
const PLAIN_KEY_LABEL: &str = "PRIVATE KEY-----";

/// A private key block as it stands in the file.
enum KeyBlock {
    Plain(PrivateKeyDer<'static>),
    /// A PKCS#8 `EncryptedPrivateKeyInfo` in DER.
    Encrypted(PrivatePkcs8KeyDer<'static>),
}

/// Reads the certificate chain of `cert` in its order, and the first private key of `key`, which must belong to the
/// chain's first certificate.
pub(super) fn read_identity(
    cert: NamedFile,
    key: NamedFile,
    passphrase: Option<&str>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = read_certificates(&cert)?;
    let private_key = signing_key(&key, read_key(&key, passphrase)?, provider)?;
    let identity = CertifiedKey::new(chain, private_key);
    match identity.keys_match() {
        Ok(()) => Ok(identity),
        Err(RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(TlsError::KeyMismatch { cert, key }),
        Err(error) => Err(TlsError::UnusableCertificate { file: cert, reason: certificate_fault(&error) }),
    }
}

/// All certificates of a file, in its order; at least one.
pub(super) fn read_certificates(file: &NamedFile) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_text(file)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| damaged(file, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoPemCertificate { file: file.clone() });
    }
    Ok(certificates)
}

fn read_key(file: &NamedFile, passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, TlsError> {
    match find_key(file, &read_text(file)?)? {
        KeyBlock::Plain(key) => Ok(key),
        KeyBlock::Encrypted(key) => {
            let passphrase = passphrase.ok_or_else(|| TlsError::PassphraseMissing { file: file.clone() })?;
            let key = decrypt(file, key.secret_pkcs8_der(), passphrase)?;
            Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
        }
    }
}

fn find_key(file: &NamedFile, text: &str) -> Result<KeyBlock, TlsError> {
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(key) => Ok(KeyBlock::Plain(key)),
        Err(PemError::NoItemsFound) => find_encrypted_key(file, text),
        Err(_) if text.contains(OLD_STYLE_ENCRYPTION) => Err(TlsError::OldStyleEncryption { file: file.clone() }),
        Err(error) => Err(damaged(file, &error)),
    }
}

/// The parser skips blocks that it has no name for, those of encrypted keys among them; under the name of plain keys
/// it decodes them.
fn find_encrypted_key(file: &NamedFile, text: &str) -> Result<KeyBlock, TlsError> {
    let renamed = text.replace(ENCRYPTED_KEY_LABEL, PLAIN_KEY_LABEL);
    match PrivatePkcs8KeyDer::from_pem_slice(renamed.as_bytes()) {
        Ok(key) => Ok(KeyBlock::Encrypted(key)),
        Err(PemError::NoItemsFound) => Err(TlsError::NoPemKey { file: file.clone() }),
        Err(error) => Err(damaged(file, &error)),
    }
}

fn decrypt(file: &NamedFile, encrypted: &[u8], passphrase: &str) -> Result<SecretDocument, TlsError> {
    let unsupported = || TlsError::UnsupportedKeyEncryption { file: file.clone() };
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(encrypted).map_err(|_| unsupported())?;
    encrypted.decrypt(passphrase).map_err(|error| match error {
        // A wrong passphrase shows as bad padding or, once in some 256 times, as a good padding of nonsense.
        pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
            TlsError::PassphraseWrong { file: file.clone() }
        }
        _ => unsupported(),
    })
}

/// Bytes that are no UTF-8 can only be comments, which are skipped anyway.
fn read_text(file: &NamedFile) -> Result<String, TlsError> {
    let content = read_file(file)?;
    Ok(String::from_utf8_lossy(&content).replace(BYTE_ORDER_MARK, ""))
}

fn damaged(file: &NamedFile, error: &PemError) -> TlsError {
    let reason = match error {
        PemError::MissingSectionEnd { .. } => "a block has no \"-----END\" line".to_owned(),
        PemError::IllegalSectionStart { .. } => "a \"-----BEGIN\" line is malformed".to_owned(),
        other => other.to_string(),
    };
    TlsError::DamagedPem { file: file.clone(), reason }
}
