//! What the user says of certificates and keys: which files there are, and whom they let in.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::error::{NamedFile, SslOption};

/// Who the server is, and whom it lets in, as files.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// The server's certificate and private key.
    pub identity: IdentitySource,
    /// Decrypts the private key or the PKCS#12 file. Ignored when the key is not encrypted.
    pub passphrase: Option<String>,
    /// PEM file with the authorities whose client certificates are accepted. Goes with `request_cert`.
    pub client_ca_path: Option<PathBuf>,
    /// Whether each client must present a certificate that one of `client_ca_path` signed.
    pub request_cert: bool,
}

/// Where the server's certificate and private key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// Two PEM files, which may be the same one. The certificate's own comes first, those of its issuers follow.
    Pem { cert_path: PathBuf, key_path: PathBuf },
    /// One PKCS#12 file (.pfx, .p12) with the key, its certificate, and those of its issuers in any order.
    Pkcs12 { pfx_path: PathBuf },
}

impl TlsOptions {
    /// All files that [`super::load`] reads.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = match &self.identity {
            IdentitySource::Pem { cert_path, key_path } => [Some(cert_path), Some(key_path)],
            IdentitySource::Pkcs12 { pfx_path } => [Some(pfx_path), None],
        };
        identity.into_iter().flatten().chain(&self.client_ca_path).map(PathBuf::as_path)
    }

    /// The file with the server's certificate.
    pub(super) fn cert_file(&self) -> NamedFile {
        match &self.identity {
            IdentitySource::Pem { cert_path, .. } => NamedFile::new(SslOption::CertPath, cert_path),
            IdentitySource::Pkcs12 { pfx_path } => NamedFile::new(SslOption::PfxPath, pfx_path),
        }
    }
}

/// Written by hand because the derived one would show the passphrase.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("identity", &self.identity)
            .field("passphrase", &self.passphrase.as_ref().map(|_| "<hidden>"))
            .field("client_ca_path", &self.client_ca_path)
            .field("request_cert", &self.request_cert)
            .finish()
    }
}
