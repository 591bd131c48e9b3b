//! Makes a server configuration of the files.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    chain,
    error::{NamedFile, SslOption, TlsError},
    hubs,
    options::{IdentitySource, TlsOptions},
    pem, pkcs12,
    words::certificate_fault,
};

/// What has been made of the files.
#[derive(Debug)]
pub struct Loaded {
    /// For new connections.
    pub config: Arc<ServerConfig>,
    /// For connections to other hubs of a cluster.
    pub to_hubs: Arc<ClientConfig>,
    /// Why no client that checks certificates takes the server's, although it can be served:
    /// [`TlsError::NotForClients`].
    pub doubt: Option<TlsError>,
}

/// Reads the files that `options` names and makes a server configuration for TLS 1.2 and 1.3 of them.
///
/// The files are read afresh on each call, so calling again and using the new configuration for new connections is
/// how renewed certificates come into use.
///
/// # Errors
/// [`TlsError`] names the option and the file at fault. Who has signed, and for which host name, is for the clients to
/// check.
pub fn load(options: &TlsOptions) -> Result<Loaded, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let identity = read_identity(options, &provider)?;
    let doubt = chain::fault_of(&identity.cert, unix_seconds())
        .map(|fault| TlsError::NotForClients { file: options.cert_file(), fault });
    let clients = client_verifier(options, &provider)?;
    let identity = Arc::new(identity);
    let to_hubs = hubs::client_config(identity.clone(), &provider)?;
    // No ALPN: a client that offers only `h2` would be refused by a list, and without one falls back to HTTP/1.1.
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    // A connection's keys go along where it goes on in the next process.
    config.enable_secret_extraction = true;
    Ok(Loaded { config: Arc::new(config), to_hubs, doubt })
}

/// A clock that is before 1970 is at 1970.
pub(super) fn unix_seconds() -> i64 {
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
