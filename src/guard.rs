//! Keeps a panic in one task from taking more than that task with it: it becomes an `error` event.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use crate::hub::event::{Event, Observer};

/// Runs a task of the server. `name` says what it was doing, for the event.
pub fn guard(
    observer: Arc<dyn Observer>,
    name: &'static str,
    task: impl Future<Output = ()>,
) -> impl Future<Output = ()> {
    // Combinators, since an `async` block would hold the task twice, and there is one of these for every peer.
    AssertUnwindSafe(task).catch_unwind().map(move |ended| {
        if let Err(panic) = ended {
            let message = format!("A {name} task failed and was ended: {}", describe(&*panic));
            observer.event(Event::Error { message });
        }
    })
}

/// A panic's message.
pub fn describe(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
