//! What a running server does from time to time: it does what the hub has a deadline for, writes down what the live
//! page draws, and gives memory back.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::memory::Memory;
use crate::{
    clock::{Millis, SystemClock},
    hub::Hub,
    observe::Watch,
};

/// How often outboxes drop what has been acknowledged, figures are written down, and the process's memory is looked at.
/// Rarely enough to cost nothing, often enough that idle peers hold no memory, and that a chart shows what a person has
/// felt.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// Keeps house for as long as it is polled. `alarm` rings when the hub's next deadline has come nearer.
pub async fn keep(hub: &Hub, watch: &Arc<Watch>, clock: &SystemClock, alarm: &Notify) {
    let mut memory = Memory::new(watch.clone());
    let mut tidy_at = Instant::now() + TIDY_EVERY;
    loop {
        // The hub's clock may have been put forward.
        let left = |at: Millis| Duration::from_millis(at.saturating_sub(hub.now()));
        let deadline = hub.next_deadline().and_then(|at| Instant::now().checked_add(left(at)));
        tokio::select! {
            () = alarm.notified() => {}
            () = sleep_until(deadline.map_or(tidy_at, |deadline| deadline.min(tidy_at))) => {}
        }
        if hub.next_deadline().is_some_and(|at| at <= hub.now()) {
            hub.tick();
        }
        if Instant::now() >= tidy_at {
            clock.keep_up();
            hub.trim();
            watch.sample(hub);
            memory.look();
            tidy_at = Instant::now() + TIDY_EVERY;
        }
    }
}
