//! Reads the files that the user names, and the keys in them.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use rustls::{crypto::CryptoProvider, pki_types::PrivateKeyDer, sign::SigningKey};

use super::error::{NamedFile, TlsError};

/// Longest certificate or key file that is read, in bytes. A bundle of all public authorities has a quarter of a
/// megabyte; the bound keeps a wrong path (a device, a log file) from filling the memory.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The key, as the library uses it.
pub(super) fn signing_key(
    file: &NamedFile,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, TlsError> {
    provider.key_provider.load_private_key(key).map_err(|_| TlsError::UnusableKey { file: file.clone() })
}

/// A whole file.
pub(super) fn read_file(file: &NamedFile) -> Result<Vec<u8>, TlsError> {
    let content = read_bounded(&file.path).map_err(|source| TlsError::Unreadable { file: file.clone(), source })?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::TooLarge { file: file.clone(), limit: MAX_FILE_BYTES });
    }
    Ok(content)
}

/// Reads one byte more than allowed, so that the caller can tell a file of the greatest size from a larger one.
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
    Ok(content)
}
