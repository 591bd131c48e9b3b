//! From the certificate and key files that the user names to a ready `rustls::ServerConfig`.
//!
//! Plain blocking file reading and cryptography: this module knows neither Node.js nor sockets nor the async runtime.
//! Decrypting a key takes up to some hundred milliseconds, so call [`load`] where blocking is allowed.

mod certificates;
mod error;
mod pem;
mod pkcs12;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::PrivateKeyDer,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};

pub use certificates::Certificates;
pub use error::{NamedFile, SslOption, TlsError};

/// Longest certificate or key file that is read, in bytes. A bundle of all public authorities has a quarter of a
/// megabyte; the bound keeps a wrong path (a device, a log file) from filling the memory.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

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
    /// All files that [`load`] reads.
    fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = match &self.identity {
            IdentitySource::Pem { cert_path, key_path } => [Some(cert_path), Some(key_path)],
            IdentitySource::Pkcs12 { pfx_path } => [Some(pfx_path), None],
        };
        identity.into_iter().flatten().chain(&self.client_ca_path).map(PathBuf::as_path)
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

/// Reads the files that `options` names and makes a server configuration for TLS 1.2 and 1.3 of them.
///
/// The files are read afresh on each call, so calling again and using the new configuration for new connections is
/// how renewed certificates come into use.
///
/// # Errors
/// [`TlsError`] names the option and the file at fault. Dates and host names are not checked: that is for the
/// clients to do.
pub fn load(options: &TlsOptions) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let identity = read_identity(options, &provider)?;
    let clients = client_verifier(options, &provider)?;
    // No ALPN: a client that offers only `h2` would be refused by a list, and without one falls back to HTTP/1.1.
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    Ok(Arc::new(config))
}

fn read_identity(options: &TlsOptions, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let passphrase = options.passphrase.as_deref();
    match &options.identity {
        IdentitySource::Pem { cert_path, key_path } => {
            let cert = NamedFile::new(SslOption::CertPath, cert_path);
            let key = NamedFile::new(SslOption::KeyPath, key_path);
            pem::read_identity(cert, key, passphrase, provider)
        }
        IdentitySource::Pkcs12 { pfx_path } => {
            pkcs12::read_identity(NamedFile::new(SslOption::PfxPath, pfx_path), passphrase, provider)
        }
    }
}

/// Half a client-certificate setting is an error: a user who gave an authority but gets no check would not notice.
fn client_verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    match (&options.client_ca_path, options.request_cert) {
        (None, false) => Ok(WebPkiClientVerifier::no_client_auth()),
        (None, true) => Err(TlsError::ClientCaMissing),
        (Some(path), false) => Err(TlsError::ClientCaUnused { file: ca_file(path) }),
        (Some(path), true) => {
            let authorities = Arc::new(read_authorities(ca_file(path))?);
            WebPkiClientVerifier::builder_with_provider(authorities, provider.clone())
                .build()
                .map_err(|error| TlsError::Setup(error.to_string()))
        }
    }
}

fn ca_file(path: &Path) -> NamedFile {
    NamedFile::new(SslOption::CaPath, path)
}

fn read_authorities(file: NamedFile) -> Result<RootCertStore, TlsError> {
    let mut authorities = RootCertStore::empty();
    for certificate in pem::read_certificates(&file)? {
        if let Err(error) = authorities.add(certificate) {
            return Err(TlsError::UnusableCertificate { file, reason: certificate_fault(&error) });
        }
    }
    Ok(authorities)
}

/// The library words the fault as one of the peer's certificate; here it is the user's own.
fn certificate_fault(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(fault) => fault.to_string(),
        other => other.to_string(),
    }
}

fn signing_key(
    file: &NamedFile,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsError> {
    provider.key_provider.load_private_key(key).map_err(|_| TlsError::UnusableKey { file: file.clone() })
}

fn read_file(file: &NamedFile) -> Result<Vec<u8>, TlsError> {
    let content = read_bounded(&file.path).map_err(|source| TlsError::Unreadable { file: file.clone(), source })?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::TooLarge { file: file.clone(), limit: MAX_FILE_BYTES });
    }
    Ok(content)
}

/// Reads one byte more than allowed, so that the caller can tell a file of the greatest size from a larger one.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
    Ok(content)
}
