//! An observer that remembers.

use parking_lot::Mutex;

use crate::hub::{
    event::{Event, Observer},
    trace::Trace,
};

/// What the hub has told its owner, oldest first.
#[derive(Debug, Default)]
pub struct Notebook(Mutex<Vec<Event>>);

impl Notebook {
    /// Takes out what was told since the last time.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock())
    }

    /// All of it, a line each.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().iter().map(line).collect()
    }
}

impl Observer for Notebook {
    fn event(&self, event: Event) {
        self.0.lock().push(event);
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Connect { db, id, .. } => format!("connect {db} {id}"),
        Event::Disconnect { db, id, reason, .. } => format!("disconnect {db} {id} {reason}"),
        Event::Message { id, text, .. } => format!("message {id} {}", String::from_utf8_lossy(text)),
        Event::Warning { code, .. } => format!("warning {code}"),
        Event::Trace(trace) => line_of_trace(trace),
        other => format!("{other:?}"),
    }
}

fn line_of_trace(trace: &Trace) -> String {
    let (from, to) = (trace.from.as_deref().unwrap_or("hub"), trace.to.as_deref().unwrap_or("all"));
    format!("trace {} {from}>{to} {} {} {}", trace.db, trace.bytes, trace.fate.name(), trace.text)
}
