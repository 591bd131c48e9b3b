//! The certificates in use, and their replacement when their files change. Still plain blocking code: when to look, and
//! what to say about it, is the caller's.

use std::{fs, path::Path, sync::Arc, time::SystemTime};

use parking_lot::{Mutex, RwLock};
use rustls::{ClientConfig, ServerConfig};

use super::{
    error::TlsError,
    load::{Loaded, load},
    options::TlsOptions,
};

/// The certificates in use, and the files that they were read from.
pub struct Certificates {
    options: TlsOptions,
    current: RwLock<Current>,
    files: Mutex<Files>,
}

/// What has been made of the files.
struct Current {
    server: Arc<ServerConfig>,
    to_hubs: Arc<ClientConfig>,
}

/// What the files looked like.
struct Files {
    /// When they were last read, with whatever success.
    read: Vec<Stamp>,
    /// When they were last looked at.
    seen: Vec<Stamp>,
}

/// What tells one version of a file from the next; `None` while it is missing.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Certificates {
    /// Reads the files. The second part of the result is why clients will not take the certificate, if so: there is no
    /// other one that could be used, and some clients may have been told not to check.
    ///
    /// # Errors
    /// See [`load`].
    pub fn load(options: TlsOptions) -> Result<(Self, Option<TlsError>), TlsError> {
        let read = stamps(&options);
        let Loaded { config, to_hubs, doubt } = load(&options)?;
        let files = Mutex::new(Files { seen: read.clone(), read });
        let current = RwLock::new(Current { server: config, to_hubs });
        Ok((Self { options, current, files }, doubt))
    }

    /// For new connections.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.read().server.clone()
    }

    /// For new connections to other hubs of a cluster.
    pub fn to_hubs(&self) -> Arc<ClientConfig> {
        self.current.read().to_hubs.clone()
    }

    /// Reads the files again. Connections that are there keep what they were made with.
    ///
    /// # Errors
    /// See [`load`], its doubt among them; then what was in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        // Before reading: a file that changes meanwhile counts as changed.
        let mut files = self.files.lock();
        let now = stamps(&self.options);
        files.seen.clone_from(&now);
        files.read = now;
        let Loaded { config, to_hubs, doubt } = load(&self.options)?;
        match doubt {
            Some(doubt) => Err(doubt),
            None => {
                *self.current.write() = Current { server: config, to_hubs };
                Ok(())
            }
        }
    }

    /// Reads the files again if they have changed and have come to rest: since the last call they have not changed any
    /// more. A certificate and its key are two files, and are not replaced at one moment. `None`: there was nothing
    /// to do.
    pub fn reload_if_changed(&self) -> Option<Result<(), TlsError>> {
        self.is_due().then(|| self.reload())
    }

    fn is_due(&self) -> bool {
        let mut files = self.files.lock();
        let now = stamps(&self.options);
        let is_at_rest = now == files.seen;
        files.seen = now;
        is_at_rest && files.seen != files.read
    }
}

fn stamps(options: &TlsOptions) -> Vec<Stamp> {
    options.files().map(stamp).collect()
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len(), file_number(&metadata)))
}

/// Tells a file from another that was moved or linked into its place.
#[cfg(unix)]
fn file_number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Not known on this platform.
#[cfg(not(unix))]
fn file_number(_: &fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{
            handshake, pem,
            workshop::{KeyKind, Workshop},
        },
        *,
    };

    fn certificates() -> (Workshop, Certificates) {
        let workshop = Workshop::new(KeyKind::EcP256);
        let (certificates, doubt) = Certificates::load(pem(&workshop, "leaf.pem", "leaf.key")).unwrap();
        assert!(doubt.is_none());
        (workshop, certificates)
    }

    fn presented(workshop: &Workshop, certificates: &Certificates) -> Vec<u8> {
        let root_signed = handshake::handshake(certificates.current(), handshake::client(workshop, None)).unwrap();
        root_signed[0].to_vec()
    }

    #[test]
    fn changed_files_come_into_use_once_they_are_at_rest() {
        let (workshop, certificates) = certificates();
        assert!(certificates.reload_if_changed().is_none());
        workshop.make_leaf("leaf", "root", KeyKind::EcP256);
        assert!(certificates.reload_if_changed().is_none());
        assert!(certificates.reload_if_changed().unwrap().is_ok());
        assert!(certificates.reload_if_changed().is_none());
        workshop.openssl("x509 -in leaf.pem -outform DER -out leaf.der");
        assert_eq!(presented(&workshop, &certificates), fs::read(workshop.path("leaf.der")).unwrap());
    }

    #[test]
    fn bad_files_keep_the_old_ones_in_use_and_are_read_once() {
        let (workshop, certificates) = certificates();
        let before = Arc::as_ptr(&certificates.current());
        workshop.write("leaf.pem", "nonsense");
        assert!(certificates.reload_if_changed().is_none());
        assert!(matches!(certificates.reload_if_changed(), Some(Err(TlsError::NoPemCertificate { .. }))));
        assert!(certificates.reload_if_changed().is_none());
        fs::remove_file(workshop.path("leaf.pem")).unwrap();
        assert!(certificates.reload_if_changed().is_none());
        assert!(matches!(certificates.reload_if_changed(), Some(Err(TlsError::Unreadable { .. }))));
        assert_eq!(Arc::as_ptr(&certificates.current()), before);
    }

    #[test]
    fn what_no_client_takes_keeps_the_old_one_in_use() {
        let (workshop, certificates) = certificates();
        let before = Arc::as_ptr(&certificates.current());
        workshop.make_expired_leaf("leaf", "root");
        assert!(certificates.reload_if_changed().is_none());
        assert!(matches!(certificates.reload_if_changed(), Some(Err(TlsError::NotForClients { .. }))));
        assert!(matches!(certificates.reload(), Err(TlsError::NotForClients { .. })));
        assert_eq!(Arc::as_ptr(&certificates.current()), before);
    }

    #[test]
    fn a_reload_can_be_asked_for() {
        let (workshop, certificates) = certificates();
        workshop.make_leaf("leaf", "root", KeyKind::EcP256);
        certificates.reload().unwrap();
        assert!(certificates.reload_if_changed().is_none());
    }
}
