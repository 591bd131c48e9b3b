//! What can be wrong with certificates and keys, told to whoever configured them.
//!
//! Every message names the option as the JavaScript user knows it and the file, says what is wrong and what to do.
//! No message may hold a passphrase or key material: this module never receives either.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::chain::ChainFault;

/// An option of the server's `ssl` setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslOption {
    CertPath,
    KeyPath,
    PfxPath,
    CaPath,
}

impl fmt::Display for SslOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertPath => "ssl.certPath",
            Self::KeyPath => "ssl.keyPath",
            Self::PfxPath => "ssl.pfxPath",
            Self::CaPath => "ssl.caPath",
        })
    }
}

/// A file together with the option that named it. Displays as `ssl.certPath ("/etc/tls/cert.pem")`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    pub option: SslOption,
    pub path: PathBuf,
}

impl NamedFile {
    pub(super) fn new(option: SslOption, path: &Path) -> Self {
        Self { option, path: path.to_owned() }
    }
}

impl fmt::Display for NamedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (\"{}\")", self.option, self.path.display())
    }
}

/// Why no TLS configuration could be made of the given options.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{file} cannot be read: {source}. Check the path, and that the server's user may read the file")]
    Unreadable { file: NamedFile, source: io::Error },

    #[error("{file} is larger than {limit} bytes, which no certificate or key is. Check the path")]
    TooLarge { file: NamedFile, limit: u64 },

    #[error("{file} is damaged: {reason}. Copy or export the file again")]
    DamagedPem { file: NamedFile, reason: String },

    #[error(
        "{file} holds no certificate. Give a PEM file with a \"-----BEGIN CERTIFICATE-----\" block \
         (a PKCS#12 file, .pfx or .p12, belongs in ssl.pfxPath)"
    )]
    NoPemCertificate { file: NamedFile },

    #[error(
        "{file} holds no private key. Give a PEM file with a \"-----BEGIN PRIVATE KEY-----\" block, \
         also RSA, EC or ENCRYPTED (a PKCS#12 file, .pfx or .p12, belongs in ssl.pfxPath)"
    )]
    NoPemKey { file: NamedFile },

    #[error("{file} is encrypted, and there is no ssl.passphrase. Set ssl.passphrase")]
    PassphraseMissing { file: NamedFile },

    #[error("{file} cannot be decrypted: ssl.passphrase is wrong. Give the passphrase that the file was made with")]
    PassphraseWrong { file: NamedFile },

    #[error(
        "{file} cannot be decrypted: ssl.passphrase contains a character beyond U+FFFF, such as an emoji, which is not \
         supported for PKCS#12. Export the file again with another passphrase"
    )]
    PassphraseUnsupported { file: NamedFile },

    #[error(
        "{file} is encrypted in the old PEM way (\"Proc-Type: 4,ENCRYPTED\"), which is not supported as it is weak. \
         Convert it: openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem"
    )]
    OldStyleEncryption { file: NamedFile },

    #[error(
        "{file} is not an encrypted key, or is encrypted with an algorithm that is not supported. \
         Convert it: openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem"
    )]
    UnsupportedKeyEncryption { file: NamedFile },

    #[error(
        "{file} is encrypted in a way that asks for too much time or memory, or is damaged. \
         Convert it: openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem"
    )]
    UnaffordableKeyEncryption { file: NamedFile },

    #[error(
        "{file} holds a private key that cannot be used. Give an RSA key of 2048 to 4096 bits, an EC key on P-256 or \
         P-384, or an Ed25519 key (openssl ec -in OLD.pem -out NEW.pem completes an EC key without its public part)"
    )]
    UnusableKey { file: NamedFile },

    #[error("{file} holds a certificate that cannot be used: {reason}. Give an X.509 version 3 certificate")]
    UnusableCertificate { file: NamedFile, reason: String },

    #[error("{file} holds a certificate that clients refuse: {fault}")]
    NotForClients { file: NamedFile, fault: ChainFault },

    #[error(
        "{key} does not match {cert}. Give the key that the certificate was made for; \
         the server's own certificate must be the first in its file, before those of its issuers"
    )]
    KeyMismatch { cert: NamedFile, key: NamedFile },

    #[error(
        "{file} is not a PKCS#12 file, or is damaged: {reason}. Give a .pfx or .p12 file (PEM files belong in \
         ssl.certPath and ssl.keyPath). If openssl can read it, convert it: openssl pkcs12 -legacy -in OLD.pfx -nodes \
         -out ALL.pem, then openssl pkcs12 -export -in ALL.pem -out NEW.pfx"
    )]
    BrokenPkcs12 { file: NamedFile, reason: String },

    #[error(
        "{file} is protected with an algorithm that is not supported ({reason}). Convert it: openssl pkcs12 -legacy \
         -in OLD.pfx -nodes -out ALL.pem, then openssl pkcs12 -export -in ALL.pem -out NEW.pfx"
    )]
    UnsupportedPkcs12 { file: NamedFile, reason: String },

    #[error("{file} holds no private key. Export it again with the key: openssl pkcs12 -export -inkey KEY.pem ...")]
    NoPkcs12Key { file: NamedFile },

    #[error(
        "{file} holds no certificate. Export it again with the certificate: openssl pkcs12 -export -in CERT.pem ..."
    )]
    NoPkcs12Certificate { file: NamedFile },

    #[error("{file} holds no certificate that matches its private key. Export it again with the key's own certificate")]
    Pkcs12KeyMismatch { file: NamedFile },

    #[error("ssl.requestCert needs ssl.caPath: a PEM file with the certificates of those who sign for clients")]
    ClientCaMissing,

    #[error("{file} has no effect without ssl.requestCert. Set ssl.requestCert to true, or remove ssl.caPath")]
    ClientCaUnused { file: NamedFile },

    #[error("ssl cannot be set up: {0}")]
    Setup(String),
}
