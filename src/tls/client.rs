//! TLS towards servers that this process connects to: whom it trusts.
//!
//! As other programs of the machine do: the authorities of the system, or those of the files that the environment names
//! (`SSL_CERT_FILE`, and `NODE_EXTRA_CA_CERTS` beside them).

use std::{
    env, fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::files::read_bounded;

/// Where systems keep the authorities that they trust, in one file.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Nobody can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAuthorities(String);

impl fmt::Display for NoAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = "name a PEM file with the authorities in the environment variable SSL_CERT_FILE";
        write!(f, "{}: {advice}", self.0)
    }
}

/// How to speak TLS to a server. Reads files.
///
/// # Errors
/// There are no authorities.
pub fn config() -> Result<Arc<ClientConfig>, NoAuthorities> {
    let mut roots = RootCertStore::empty();
    for file in files() {
        let content = read_bounded(&file).map_err(|error| NoAuthorities(format!("{}: {error}", file.display())))?;
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&content).filter_map(Result::ok));
    }
    if roots.is_empty() {
        return Err(NoAuthorities("there are no certificates of authorities".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| NoAuthorities(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn files() -> Vec<PathBuf> {
    let named = |variable| env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    let system = || BUNDLES.iter().map(PathBuf::from).find(|path| Path::exists(path));
    named("SSL_CERT_FILE").or_else(system).into_iter().chain(named("NODE_EXTRA_CA_CERTS")).collect()
}
