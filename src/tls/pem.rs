//! Certificates and private keys in PEM files.
//!
//! Text around the blocks, a byte order mark, any line ending and any line width are accepted, as OpenSSL's tools and
//! editors produce them. What a certificate says is not looked at here.

use pkcs8::{
    EncryptedPrivateKeyInfoRef, SecretDocument,
    pkcs5::{
        self, EncryptionScheme,
        pbes2::{Kdf, Pbkdf2Params, ScryptParams},
    },
};
use rustls::{
    Error as RustlsError, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer,
        pem::{Error as PemError, PemObject},
    },
    sign::CertifiedKey,
};

use super::{
    error::{NamedFile, TlsError},
    files::{read_file, signing_key},
    words::certificate_fault,
};

/// The header of a key that was encrypted the way OpenSSL did before PKCS#8. It is no base64, so such a block never
/// decodes as a key.
const OLD_STYLE_ENCRYPTION: &str = "Proc-Type: 4,ENCRYPTED";

/// What some Windows editors put before text. Files that were joined have it in the middle, too.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

const ENCRYPTED_KEY_LABEL: &str = "ENCRYPTED PRIVATE KEY-----";
const PLAIN_KEY_LABEL: &str = "PRIVATE KEY-----";

/// Rounds of PBKDF2 that a key may ask for. The file says how many, up to four thousand million, which is most of an
/// hour in which the server does not start. Above all numbers that are advised today; about a second.
const MAX_PBKDF2_ROUNDS: u32 = 2_000_000;

/// Bytes that scrypt may fill for a key. The file says how many, up to more than there are. Four times what OpenSSL
/// makes, and twice what it reads.
const MAX_SCRYPT_BYTES: u64 = 64 * 1024 * 1024;

/// How many times scrypt may fill them, one time after the other. OpenSSL asks for one.
const MAX_SCRYPT_PASSES: u16 = 16;

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
    if !is_affordable(&encrypted.encryption_algorithm) {
        return Err(TlsError::UnaffordableKeyEncryption { file: file.clone() });
    }
    encrypted.decrypt(passphrase).map_err(|error| match error {
        // A wrong passphrase shows as bad padding or, once in some 256 times, as a good padding of nonsense.
        pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
            TlsError::PassphraseWrong { file: file.clone() }
        }
        _ => unsupported(),
    })
}

/// The time and memory that decryption takes are the file's choice: damaged, it may ask for any.
fn is_affordable(scheme: &EncryptionScheme) -> bool {
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(Pbkdf2Params { iteration_count, .. })) => *iteration_count <= MAX_PBKDF2_ROUNDS,
        Some(Kdf::Scrypt(scrypt)) => scrypt_is_affordable(scrypt),
        // The old schemes count in 16 bits, and what is not known is not decrypted.
        _ => true,
    }
}

fn scrypt_is_affordable(scrypt: &ScryptParams) -> bool {
    let bytes = scrypt.cost_parameter.saturating_mul(128).saturating_mul(scrypt.block_size.into());
    (1..=MAX_SCRYPT_BYTES).contains(&bytes) && scrypt.parallelization <= MAX_SCRYPT_PASSES
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
