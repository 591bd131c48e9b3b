//! Keeps a panic in one task from taking more than that task with it: it becomes an `error` event. Of a task that the
//! server cannot do without, it becomes the server's failure.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use crate::hub::event::{Event, Observer};

/// Runs a task of the server. `name` says what it was doing, for the event.
pub fn guard(
    observer: Arc<dyn Observer>,
    name: &'static str,
    task: impl Future<Output = ()>,
) -> impl Future<Output = ()> {
    told(observer, task, move |panic| Event::Error { message: format!("A {name} task failed and was ended: {panic}") })
}

/// Runs a task that the server cannot do without.
pub fn guard_vital(
    observer: Arc<dyn Observer>,
    name: &'static str,
    task: impl Future<Output = ()>,
) -> impl Future<Output = ()> {
    told(observer, task, move |panic| Event::Failed {
        message: format!("The {name} failed, and the server with it: {panic}"),
    })
}

/// Tells of a panic, by its message.
fn told(
    observer: Arc<dyn Observer>,
    task: impl Future<Output = ()>,
    event: impl FnOnce(&str) -> Event,
) -> impl Future<Output = ()> {
    // Combinators, since an `async` block would hold the task twice, and there is one of these for every peer.
    AssertUnwindSafe(task).catch_unwind().map(move |ended| {
        if let Err(panic) = ended {
            observer.event(event(describe(&*panic)));
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

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    fn run(task: impl Future<Output = ()>) {
        task.now_or_never().unwrap();
    }

    #[derive(Default)]
    struct Memory(Mutex<Vec<Event>>);

    impl Observer for Memory {
        fn event(&self, event: Event) {
            self.0.lock().push(event);
        }
    }

    #[test]
    fn a_panic_is_an_error_or_the_failure_of_the_server() {
        let memory = Arc::new(Memory::default());
        run(guard(memory.clone(), "small", async { panic!("of a part") }));
        run(guard_vital(memory.clone(), "acceptor", async { panic!("of all") }));
        run(guard_vital(memory.clone(), "acceptor", async {}));
        let events = memory.0.lock();
        assert!(matches!(&events[0], Event::Error { message } if message.ends_with("was ended: of a part")));
        assert!(matches!(&events[1], Event::Failed { message } if message.ends_with("with it: of all")));
        assert_eq!(events.len(), 2);
    }
}
