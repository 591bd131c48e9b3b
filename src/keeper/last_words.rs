//! What a keeper that could not be started has said of the cause, on the standard error of its launcher. Knows nothing
//! of keepers.

use std::{io::Read, process::ChildStderr};

/// How much is read, in bytes: what Node.js prints of an error, with its stack.
const MAX_READ: u64 = 4096;

/// How much of the line that tells the cause is passed on, in characters.
const MAX_LINE: usize = 300;

/// The line that tells the cause; `None`: nothing was said. Does not wait for more: whoever has spoken has ended.
pub fn read_cause(stderr: ChildStderr) -> Option<String> {
    rustix::io::ioctl_fionbio(&stderr, true).ok()?;
    let mut said = Vec::new();
    // Where another process holds the other end, this ends with "would block", after what there is.
    let _ = stderr.take(MAX_READ).read_to_end(&mut said);
    cause(&String::from_utf8_lossy(&said))
}

/// Node.js shows the place in the source first, then the error, then its stack.
fn cause(said: &str) -> Option<String> {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.clone().find(|line| line.contains("Error")).or_else(|| lines.next())?;
    Some(line.chars().take(MAX_LINE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_error_else_the_first_line() {
        let of_node =
            "node:internal/modules/cjs/loader:1215\n  throw err;\n  ^\n\nError: Cannot find module '/x'\n    at y\n";
        assert_eq!(cause(of_node).as_deref(), Some("Error: Cannot find module '/x'"));
        assert_eq!(cause("\nnode: bad option: --x\nmore\n").as_deref(), Some("node: bad option: --x"));
        assert_eq!(cause(" \n"), None);
        assert_eq!(cause(&"é".repeat(1000)).map(|line| line.chars().count()), Some(MAX_LINE));
    }
}
