//! Where the next server finds a keeper: a socket file in a directory that only this user can enter. Knows nothing of
//! what is said there.

use std::{
    env, fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use rustix::process::{Uid, geteuid};

/// Longest path of a socket file in bytes: what the strictest supported system takes (macOS: 104 with the final zero).
const MAX_PATH: usize = 103;

/// Where the directory is, if the usual place for temporary files has too long a name.
const SHORT_ROOT: &str = "/tmp";

/// Only the user may enter the directory: read, write, search.
const PRIVATE: u32 = 0o700;

/// The permissions that others must not have on it.
const OTHERS: u32 = 0o077;

/// What the names of socket files end with.
const SUFFIX: &str = ".sock";

/// The place of one port's keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// The place for a port of a host, in `directory`.
    pub fn new(directory: &Path, host: Option<&str>, port: u16) -> Self {
        // Hosts may be longer than a path: their hash will do, since a keeper's sockets are checked when they are
        // claimed.
        Self { path: directory.join(format!("{port}-{:016x}{SUFFIX}", hash(host.unwrap_or("*").as_bytes()))) }
    }

    /// The socket file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The places of the same port of other hosts that somebody has made.
    pub fn neighbours(&self) -> Vec<Self> {
        let Some((directory, name)) = self.path.parent().zip(self.path.file_name()) else { return Vec::new() };
        let port = name.as_bytes().split(|byte| *byte == b'-').next().unwrap_or_default();
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        entries
            .flatten()
            .filter(|entry| entry.file_name().as_bytes().split(|byte| *byte == b'-').next() == Some(port))
            .map(|entry| Self { path: entry.path() })
            .filter(|place| place != self)
            .collect()
    }

    /// Makes the socket file, in place of one that a keeper has left. Only for the server that has bound the port: no
    /// other keeper of the port can be alive then.
    pub fn bind(&self) -> io::Result<UnixListener> {
        self.remove();
        UnixListener::bind(&self.path)
    }

    /// Connects to whoever listens there. `None`: nobody.
    ///
    /// # Errors
    /// Another user listens there; the system's.
    pub fn connect(&self) -> io::Result<Option<UnixStream>> {
        let stream = match UnixStream::connect(&self.path) {
            Err(error) if is_absence(&error) => return Ok(None),
            other => other?,
        };
        if belongs_to_us(&stream)? {
            Ok(Some(stream))
        } else {
            let message = format!("{} belongs to another user", self.path.display());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
        }
    }

    /// Removes the socket file. What goes wrong does no harm: nobody listens there any more.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// The socket file that is there. `None`: there is none.
    pub fn file(&self) -> Option<SocketFile> {
        let found = fs::symlink_metadata(&self.path).ok()?;
        Some(SocketFile { device: found.dev(), number: found.ino() })
    }

    /// Removes the socket file, if it is this one still, and not that of another keeper.
    pub fn remove_own(&self, own: Option<SocketFile>) {
        if own.is_some() && self.file() == own {
            self.remove();
        }
    }
}

/// A socket file, whatever its path. As long as somebody listens at it no other one is the same, for its number is not
/// given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketFile {
    device: u64,
    number: u64,
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self { path }
    }
}

/// This user's directory of socket files, which is made if need be.
///
/// It lies with the temporary files and not in the user's run-time directory: that one is gone when the user logs out,
/// and servers that were started by hand run on.
///
/// # Errors
/// It cannot be made, or others could enter it.
pub fn private_directory() -> io::Result<PathBuf> {
    let name = format!("acebase-ipc-server-{}", geteuid().as_raw());
    let usual = env::temp_dir().join(&name);
    let longest = Place::new(&usual, None, u16::MAX);
    let directory = if longest.path.as_os_str().len() > MAX_PATH { Path::new(SHORT_ROOT).join(name) } else { usual };
    make_private(&directory)?;
    Ok(directory)
}

fn make_private(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(PRIVATE).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    // Not following links: whoever made one could lead us anywhere.
    let found = fs::symlink_metadata(directory)?;
    if found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & OTHERS == 0 {
        return Ok(());
    }
    let message = format!("{} must be a directory of this user that others cannot enter", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Whether the process at the other end runs as this user. (For who connects, that is who made the socket.)
pub fn belongs_to_us(stream: &UnixStream) -> io::Result<bool> {
    Ok(peer(stream)? == geteuid())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer(stream: &UnixStream) -> io::Result<Uid> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn peer(stream: &UnixStream) -> io::Result<Uid> {
    let (user, _) = nix::unistd::getpeereid(stream)?;
    Ok(Uid::from_raw(user.as_raw()))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// FNV-1a: short, and the same in every build, so that servers of different versions find the same keeper.
fn hash(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_place_is_named_after_host_and_port() {
        let at = |host, port| Place::new(Path::new("/d"), host, port);
        assert_eq!(at(None, 9163), at(None, 9163));
        assert_ne!(at(None, 9163), at(None, 9164));
        assert_ne!(at(None, 9163), at(Some("localhost"), 9163));
        let long = "h".repeat(300);
        assert!(at(Some(&long), 65535).path().as_os_str().len() < 40);
    }

    #[test]
    fn neighbours_are_of_the_same_port() {
        let directory = tempfile::tempdir().unwrap();
        let place = |host, port| Place::new(directory.path(), Some(host), port);
        for (host, port) in [("a", 916), ("b", 916), ("a", 9163)] {
            drop(place(host, port).bind().unwrap());
        }
        assert_eq!(place("a", 916).neighbours(), [place("b", 916)]);
    }

    #[test]
    fn a_file_that_nobody_listens_at_is_nobody_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(directory.path(), None, 9163);
        assert!(place.connect().unwrap().is_none());
        drop(place.bind().unwrap());
        assert!(place.path().exists());
        assert!(place.connect().unwrap().is_none());
        let _listener = place.bind().unwrap();
        assert!(place.connect().unwrap().is_some());
    }

    #[test]
    fn a_directory_that_others_can_enter_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("d");
        make_private(&directory).unwrap();
        make_private(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, PRIVATE);

        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(make_private(&directory).unwrap_err().kind(), io::ErrorKind::PermissionDenied);

        let link = parent.path().join("link");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&directory, &link).unwrap();
        assert_eq!(make_private(&link).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
