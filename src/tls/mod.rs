//! From the certificate and key files that the user names to a ready `rustls::ServerConfig`.
//!
//! Plain blocking file reading and cryptography: this module knows neither Node.js nor sockets nor the async runtime.
//! Decrypting a key takes up to some hundred milliseconds, so call [`load`] where blocking is allowed.

mod certificates;
mod chain;
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
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    CertificateError, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::PrivateKeyDer,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SigningKey, SingleCertAndKey},
};

pub use certificates::Certificates;
pub use chain::ChainFault;
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

    /// The file with the server's certificate.
    fn cert_file(&self) -> NamedFile {
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

/// What has been made of the files.
#[derive(Debug)]
pub struct Loaded {
    /// For new connections.
    pub config: Arc<ServerConfig>,
    /// Why no client that checks certificates takes the server's, although it can be served: [`TlsError::NotForClients`].
    pub doubt: Option<TlsError>,
}

/// Reads the files that `options` names and makes a server configuration for TLS 1.2 and 1.3 of them.
///
/// The files are read afresh on each call, so calling again and using the new configuration for new connections is
/// how renewed certificates come into use.
///
/// # Errors
/// [`TlsError`] names the option and the file at fault. Who has signed, and for which host name, is for the clients to check.
pub fn load(options: &TlsOptions) -> Result<Loaded, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let identity = read_identity(options, &provider)?;
    let doubt = chain::fault_of(&identity.cert, unix_seconds())
        .map(|fault| TlsError::NotForClients { file: options.cert_file(), fault });
    let clients = client_verifier(options, &provider)?;
    // No ALPN: a client that offers only `h2` would be refused by a list, and without one falls back to HTTP/1.1.
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    Ok(Loaded { config: Arc::new(config), doubt })
}

/// A clock that is before 1970 is at 1970.
fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn read_identity(options: &TlsOptions, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let passphrase = options.passphrase.as_deref();
    match &options.identity {
        IdentitySource::Pem { key_path, .. } => {
            let key = NamedFile::new(SslOption::KeyPath, key_path);
            pem::read_identity(options.cert_file(), key, passphrase, provider)
        }
        IdentitySource::Pkcs12 { .. } => pkcs12::read_identity(options.cert_file(), passphrase, provider),
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
        _ if shows_old_version(error) => "it is of X.509 version 1 or 2".to_owned(),
        rustls::Error::InvalidCertificate(fault) => fault.to_string(),
        other => other.to_string(),
    }
}

/// The library that checks certificates reads version 3 only, and its error has no type of rustls's own.
fn shows_old_version(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other))
        if other.to_string() == "UnsupportedCertVersion")
}

/// Why a handshake with a client has failed, in words.
pub fn explain_handshake(error: &io::Error) -> String {
    let of_tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match of_tls {
        Some(error) if shows_old_version(error) => "the client's certificate is of X.509 version 1 or 2, and only \
            version 3 can be checked. Issue it again with an extension, which makes it version 3: openssl x509 -req ... \
            -extfile FILE, with basicConstraints=CA:FALSE in FILE"
            .to_owned(),
        _ => error.to_string(),
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
