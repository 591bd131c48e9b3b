//! Keeps a warning that strangers can cause at will from filling the log.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The least time between two warnings of a kind. What happens meanwhile is counted.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one warning of each code through now and then.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<&'static str, Given>>);

/// When a warning was given last, and how many were held back since.
#[derive(Debug)]
struct Given {
    at: Instant,
    held_back: u64,
}

impl Throttle {
    /// The warning as it is to be given now, with the number of those held back before; `None`: not now.
    pub fn pass(&self, code: &'static str, message: String, now: Instant) -> Option<String> {
        let mut given = self.0.lock();
        let before = match given.get_mut(code) {
            Some(last) if now.duration_since(last.at) < INTERVAL => {
                last.held_back += 1;
                return None;
            }
            Some(last) => last.held_back,
            None => 0,
        };
        given.insert(code, Given { at: now, held_back: 0 });
        Some(if before == 0 { message } else { format!("{message} (and {before} times more since the last warning)") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_again_and_again_is_told_now_and_then_with_its_count() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass("full", "full".into(), start).as_deref(), Some("full"));
        assert_eq!(throttle.pass("full", "full".into(), start + INTERVAL / 2), None);
        assert_eq!(throttle.pass("other", "other".into(), start + INTERVAL / 2).as_deref(), Some("other"));
        assert_eq!(throttle.pass("full", "full".into(), start + INTERVAL / 2), None);
        let later = throttle.pass("full", "full".into(), start + INTERVAL).unwrap();
        assert!(later.starts_with("full (and 2 times more"), "{later}");
        assert_eq!(throttle.pass("full", "full".into(), start + INTERVAL * 2).as_deref(), Some("full"));
    }
}
