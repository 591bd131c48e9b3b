//! What the process uses, under the names that Prometheus has for it. On systems that do not tell, a figure is absent.

/// What the process uses; `None` where the system does not tell.
#[derive(Debug, Default)]
pub(super) struct ProcessFigures {
    /// User and system time together.
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
}

/// Reads them now.
#[cfg(unix)]
pub(super) fn figures() -> ProcessFigures {
    use rustix::time::{ClockId, clock_gettime};

    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    ProcessFigures {
        cpu_seconds: Some(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
        resident_bytes: resident_bytes(),
        open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
    }
}

/// The second number of `statm`: pages in memory.
#[cfg(unix)]
pub(crate) fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Not known on this platform.
#[cfg(not(unix))]
pub(super) fn figures() -> ProcessFigures {
    ProcessFigures::default()
}

/// Not known on this platform.
#[cfg(not(unix))]
pub(crate) fn resident_bytes() -> Option<u64> {
    None
}
