//! An open file without a name that lies in memory. Nobody who is not given the descriptor can read it, and nothing is
//! left when all have closed it. Knows nothing of what is in it.

use std::{fs::File, io};

use rustix::fs::{MemfdFlags, memfd_create};
#[cfg(not(target_os = "freebsd"))]
use rustix::io::Errno;

/// Makes one. The name is for whoever looks at the process.
///
/// # Errors
/// The system's.
#[cfg(not(target_os = "freebsd"))]
pub fn memory_file(name: &str) -> io::Result<File> {
    // Newer systems want to be told that it is no program, and may insist. Older ones do not know that flag.
    let made = match memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, MemfdFlags::CLOEXEC),
        other => other,
    };
    Ok(made?.into())
}

/// Makes one. The name is for whoever looks at the process.
///
/// # Errors
/// The system's.
#[cfg(target_os = "freebsd")]
pub fn memory_file(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Bits of a file's mode that make it a program.
    const IS_PROGRAM: u32 = 0o111;

    #[test]
    fn it_is_no_program_where_the_system_can_be_told() {
        let file = memory_file("test").unwrap();
        let can_be_told = memfd_create("test", MemfdFlags::NOEXEC_SEAL).is_ok();
        let mode = file.metadata().unwrap().permissions().mode();
        assert!(!can_be_told || mode & IS_PROGRAM == 0, "{mode:o}");
    }
}
