//! How many open files this process can have. Knows nothing of what they are.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a keeper's process needs beside the legacy: Node.js's own, the listening sockets, and some to spare.
const OWN: u32 = 192;

/// What a server needs beside a legacy that it takes over: files that it reads, its runtime, journals, and the clients
/// that connect first. More than a part of a legacy, which comes at once, and of which not all may be kept.
const SPARE: usize = 128;

/// Where this process finds a file for each that it has open.
const OPEN_NOW: &str = "/dev/fd";

/// Raises the limit of this process as far as it can. Some systems name a hard limit that they do not grant: there it
/// becomes as much of it as they do.
pub fn raise_limit() {
    let found = getrlimit(Resource::Nofile);
    let soft = found.current.unwrap_or(u64::MAX);
    let mut wanted = found.maximum;
    while wanted.unwrap_or(u64::MAX) > soft {
        if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum: found.maximum }).is_ok() {
            return;
        }
        wanted = Some(wanted.unwrap_or(u64::MAX) / 2);
    }
}

/// The limit; the highest number for none.
pub fn limit() -> u32 {
    getrlimit(Resource::Nofile).current.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(u32::MAX)
}

/// The limit, if a keeper cannot have so many descriptors of a legacy with it.
pub fn limit_that_is_too_low_for(count: usize) -> Option<u32> {
    let needed = u32::try_from(count).unwrap_or(u32::MAX).saturating_add(OWN);
    Some(limit()).filter(|limit| *limit < needed)
}

/// How many descriptors of a legacy this process can have.
pub fn room() -> usize {
    let limit = usize::try_from(limit()).unwrap_or(usize::MAX);
    // Where it cannot be seen, as many as a keeper has that holds nothing yet.
    let open = fs::read_dir(OPEN_NOW).map_or(OWN as usize, Iterator::count);
    limit.saturating_sub(open).saturating_sub(SPARE)
}
