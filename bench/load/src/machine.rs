//! What the run asks of the operating system: a core of its own, enough sockets, and how much time and memory was used.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;

/// Clock ticks in which Linux counts processor time in /proc, per second: fixed for user space on every architecture.
const TICKS_PER_SECOND: u64 = 100;
/// Where the processor times begin in /proc/<pid>/stat, counted from the field after the program's name.
const USER_TIME_FIELD: usize = 11;

/// Keeps this thread on one core, so that it neither wanders nor takes the server's.
///
/// # Errors
/// The machine has no such core.
pub fn pin_to(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &cores)?)
}

/// Allows as many open sockets as the system permits this user.
///
/// # Errors
/// The limit cannot be read or raised.
pub fn allow_many_sockets() -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// Processor time that this process has used.
///
/// # Errors
/// The system does not tell.
pub fn own_cpu() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

/// Processor time that another process has used, all its threads together. It counts in steps of 10 ms.
///
/// # Errors
/// The process is gone, or its numbers cannot be read.
pub fn cpu_of(process: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name stands in brackets and may itself hold spaces and brackets.
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
    let times: Vec<u64> =
        fields.split(' ').skip(USER_TIME_FIELD).take(2).filter_map(|field| field.parse().ok()).collect();
    match times[..] {
        [user, system] => Ok(ticks(user + system)),
        _ => Err(unreadable("processor time", process)),
    }
}

/// Processor time that the whole machine has used, all cores together, what its host took away included.
///
/// # Errors
/// The numbers cannot be read.
pub fn cpu_of_machine() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let times: Vec<u64> = stat.split_whitespace().skip(1).map_while(|field| field.parse().ok()).collect();
    match times[..] {
        [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen, ..] => {
            Ok(ticks(user + nice + system + interrupts + soft_interrupts + stolen))
        }
        _ => Err(io::Error::other("cannot read the processor time of the machine")),
    }
}

/// Memory that only this process has, in bytes: what it costs, without shared libraries and without the kernel's
/// buffers.
///
/// # Errors
/// The process is gone, or its numbers may not be read.
pub fn memory_of(process: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let kilobytes = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Private_Dirty:"))
        .and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .ok_or_else(|| unreadable("memory", process))?;
    Ok(kilobytes * 1024)
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS_PER_SECOND)
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
}

fn unreadable(what: &str, process: u32) -> io::Error {
    io::Error::other(format!("cannot read the {what} of process {process}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_numbers() {
        let own = std::process::id();
        assert!(memory_of(own).unwrap() > 4096);
        assert!(cpu_of_machine().unwrap() > cpu_of(own).unwrap());
        assert!(own_cpu().unwrap() > Duration::ZERO);
    }
}
