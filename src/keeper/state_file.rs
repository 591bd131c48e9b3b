//! A legacy's state as an open file without a name: in memory where the system can do that, else a temporary file that
//! is already deleted. Nobody who is not given the descriptor can read it, and nothing is left when all have closed it.
//! Knows nothing of what is in it.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
    time::Instant,
};

/// A state's length at most, in bytes: 4 GiB, far above what a hub's own bounds let it keep. Whoever reads it needs as
/// much memory.
pub const MAX_STATE: usize = u32::MAX as usize;

/// How much is written, in bytes, before a look at the clock: some milliseconds' worth.
const CHUNK: usize = 4 << 20;

/// Makes a file with the state in it. `directory`: where a temporary file would lie.
///
/// # Errors
/// There is no room; `until` is over.
pub fn write(state: &[u8], directory: &Path, until: Instant) -> io::Result<File> {
    let mut file = make(directory)?;
    for chunk in state.chunks(CHUNK) {
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        file.write_all(chunk)?;
    }
    Ok(file)
}

/// Reads it, from its beginning. Whoever has read it before, and how far, does not matter.
///
/// # Errors
/// It is no such file; the system's.
pub fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    let length = usize::try_from(found.len()).ok().filter(|length| found.is_file() && *length <= MAX_STATE);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    let mut state = Vec::new();
    state.try_reserve_exact(length)?;
    file.rewind()?;
    file.take(length as u64).read_to_end(&mut state)?;
    if state.len() == length { Ok(state) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn make(directory: &Path) -> io::Result<File> {
    match in_memory() {
        Some(file) => Ok(file),
        None => tempfile::tempfile_in(directory),
    }
}

/// `None`: this system cannot.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn in_memory() -> Option<File> {
    super::memory_file("acebase-ipc-legacy").ok()
}

/// `None`: this system cannot.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn in_memory() -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, time::Duration};

    use super::*;

    const SHORT: Duration = Duration::from_secs(10);

    #[test]
    fn a_state_is_read_whole_whoever_has_read_it_before() {
        let directory = tempfile::tempdir().unwrap();
        let state: Vec<u8> = (0..=CHUNK).map(|index| index as u8).collect();
        let on_disk = {
            let mut file = tempfile::tempfile_in(directory.path()).unwrap();
            file.write_all(&state).unwrap();
            file
        };
        for file in [write(&state, directory.path(), Instant::now() + SHORT).unwrap(), on_disk] {
            assert_eq!(read(&file).unwrap(), state);
            assert_eq!(read(&file.try_clone().unwrap()).unwrap(), state);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn writing_ends_when_the_time_is_over() {
        let late = write(b"state", Path::new("/"), Instant::now());
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let (socket, _other) = UnixStream::pair().unwrap();
        let socket = File::from(std::os::fd::OwnedFd::from(socket));
        assert_eq!(read(&socket).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_disk_is_needed_where_memory_will_do() {
        assert!(write(b"state", Path::new("/nonexistent"), Instant::now() + SHORT).is_ok());
    }
}
