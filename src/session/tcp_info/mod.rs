//! What the kernel knows of a TCP connection: on Linux all of it, on macOS nearly all, elsewhere nothing.
//!
//! Linux keeps its figures when a connection is broken. macOS forgets them when the other side has reset it, and knows
//! them where it has fallen silent, has ended, or is replaced by another one.

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod raw;
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
mod unknown;

#[cfg(target_vendor = "apple")]
pub use apple::{bytes_acknowledged, bytes_delivered, is_established, round_trip};
#[cfg(target_os = "linux")]
pub use linux::{bytes_acknowledged, bytes_delivered, is_established, number, round_trip, standing};
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub use unknown::{bytes_acknowledged, bytes_delivered, is_established, round_trip};
