//! Carries events from the server's threads to JavaScript: in batches, in order, bounded.
//!
//! The server puts events into a queue and rings once; JavaScript's thread takes a batch, and rings again itself while
//! more is waiting. A process that does not take its events loses the newest, and is told how many.

use std::{collections::VecDeque, mem, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use napi::{
    Status,
    bindgen_prelude::{Function, Result},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::{
    acebase::Trouble,
    hub::{
        event::{Event, Observer, Refusal},
        trace::Trace,
    },
    observe::level::{Level, departure},
};

/// Events that wait for JavaScript at most. At 100,000 messages a second that is a stall of the event loop of a second.
const MAX_EVENTS: usize = 100_000;

/// Bytes of message text that wait for JavaScript at most: 64 MiB.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Events of one batch. JavaScript's timers and sockets get their turn in between.
const MAX_BATCH: usize = 1_000;

/// Which of the optional events somebody listens for. `warning` and `error` are always wanted.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    connect: bool,
    disconnect: bool,
    refused: bool,
    message: bool,
    trace: bool,
    coordination: bool,
    trouble: bool,
}

impl Wanted {
    fn new(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|wanted| wanted == name);
        Self {
            connect: has("connect"),
            disconnect: has("disconnect"),
            refused: has("refused"),
            message: has("message"),
            trace: has("trace"),
            coordination: has("coordination"),
            trouble: has("trouble"),
        }
    }

    fn includes(self, event: &Event) -> bool {
        match event {
            Event::Connect { .. } | Event::Identified { .. } => self.connect,
            Event::Disconnect { .. } => self.disconnect,
            Event::Message { .. } => self.message,
            Event::Note { note, .. } => self.coordination || note.kind.is_warning(),
            Event::Refused(_) => self.refused,
            Event::Trace(_) => self.trace,
            Event::Trouble { .. } => self.trouble,
            Event::Warning { .. } | Event::Error { .. } | Event::Failed { .. } | Event::Notice { .. } => true,
        }
    }
}

/// Rings JavaScript's thread, which then takes a batch. Weak: it does not keep the process alive.
type Bell = ThreadsafeFunction<(), (), Vec<NativeEvent>, Status, false, true>;

/// The queue between the server and JavaScript.
pub struct Mailbox {
    queue: Mutex<Queue>,
    /// Absent once closed: it holds the JavaScript callback, which holds the server.
    bell: Mutex<Option<Arc<Bell>>>,
}

#[derive(Default)]
struct Queue {
    wanted: Wanted,
    events: VecDeque<Event>,
    bytes: usize,
    dropped: usize,
    /// JavaScript's thread has been rung and has not come yet.
    is_rung: bool,
    is_closed: bool,
}

impl Mailbox {
    /// A mailbox whose batches go to `on_events`.
    pub fn new(on_events: &Function<'_, Vec<NativeEvent>, ()>, wanted: &[String]) -> Result<Arc<Self>> {
        let queue = Queue { wanted: Wanted::new(wanted), ..Queue::default() };
        let mailbox = Arc::new(Self { queue: Mutex::new(queue), bell: Mutex::default() });
        let receiver = Arc::downgrade(&mailbox);
        let bell =
            on_events.build_threadsafe_function().weak::<true>().callee_handled::<false>().build_callback(
                move |_| Ok(receiver.upgrade().map(|mailbox| mailbox.take_batch()).unwrap_or_default()),
            )?;
        *mailbox.bell.lock() = Some(Arc::new(bell));
        Ok(mailbox)
    }

    /// Says anew which events are wanted. Returns whether messages are.
    pub fn set_wanted(&self, wanted: &[String]) -> bool {
        let wanted = Wanted::new(wanted);
        self.queue.lock().wanted = wanted;
        wanted.message
    }

    /// Takes everything, and takes in nothing more.
    pub fn close(&self) -> Vec<NativeEvent> {
        self.bell.lock().take();
        let mut queue = self.queue.lock();
        queue.is_closed = true;
        let count = queue.events.len();
        queue.take(count)
    }

    fn take_batch(&self) -> Vec<NativeEvent> {
        let (batch, has_more) = {
            let mut queue = self.queue.lock();
            let batch = queue.take(MAX_BATCH);
            queue.is_rung = !queue.events.is_empty();
            (batch, queue.is_rung)
        };
        if has_more {
            self.ring();
        }
        batch
    }

    fn ring(&self) {
        let bell = self.bell.lock().clone();
        if let Some(bell) = bell {
            // Fails only while the environment is ending, when nobody listens any more.
            bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Observer for Mailbox {
    fn event(&self, event: Event) {
        let must_ring = self.queue.lock().put(event);
        if must_ring {
            self.ring();
        }
    }
}

impl Queue {
    /// Takes an event in, or counts it as dropped. Returns whether JavaScript's thread must be rung.
    fn put(&mut self, event: Event) -> bool {
        if self.is_closed || !self.wanted.includes(&event) {
            return false;
        }
        let size = size_of_text(&event);
        if self.events.len() >= MAX_EVENTS || self.bytes + size > MAX_BYTES {
            self.dropped += 1;
            return false;
        }
        self.bytes += size;
        self.events.push_back(event);
        !mem::replace(&mut self.is_rung, true)
    }

    /// Takes the oldest `count` events out.
    fn take(&mut self, count: usize) -> Vec<NativeEvent> {
        let count = count.min(self.events.len());
        let mut batch: Vec<NativeEvent> = Vec::with_capacity(count + 1);
        for event in self.events.drain(..count) {
            self.bytes -= size_of_text(&event);
            batch.push(event.into());
        }
        if self.events.is_empty() && self.dropped > 0 {
            batch.push(dropped_warning(mem::take(&mut self.dropped)).into());
        }
        batch
    }
}

fn size_of_text(event: &Event) -> usize {
    match event {
        Event::Message { text, .. } => text.len(),
        Event::Trace(trace) => trace.text.len(),
        _ => 0,
    }
}

fn dropped_warning(count: usize) -> Event {
    Event::Warning {
        code: "events-dropped",
        message: format!(
            "{count} events were dropped, because the process was too busy to take them. No client's message was lost"
        ),
    }
}

/// An event as JavaScript gets it: `type` says which of the other fields it has.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct NativeEvent {
    /// `connect`, `identified`, `disconnect`, `refused`, `message`, `trace`, `coordination`, `trouble`, `notice`,
    /// `warning`, `error` or `failed`.
    #[napi(js_name = "type")]
    pub kind: &'static str,
    /// The database.
    pub db: Option<String>,
    /// The client's id.
    pub id: Option<String>,
    /// Why a client has left: one word.
    pub reason: Option<&'static str>,
    /// Its process, where it is one of this machine that was found.
    pub pid: Option<u32>,
    /// What that was started with.
    pub command: Option<String>,
    /// What to do about a trouble.
    pub advice: Option<String>,
    /// For how long it has been there, in milliseconds.
    pub age: Option<f64>,
    /// It is over.
    pub is_over: Option<bool>,
    /// The status that a client was refused with.
    pub status: Option<u32>,
    /// The address that it came from.
    pub remote: Option<String>,
    /// The port there, where it is known.
    pub remote_port: Option<u32>,
    /// How many more like it came since one was told last.
    pub left_out: Option<u32>,
    /// The addressee of a traced message.
    pub to: Option<String>,
    /// The length of a traced message.
    pub bytes: Option<u32>,
    /// A message's text, or the beginning of a traced one's.
    pub text: Option<String>,
    /// What happened: the kind of a coordination event, a warning's code, or what became of a traced message.
    pub code: Option<&'static str>,
    /// A sentence for a person.
    pub message: Option<String>,
    /// How much a coordination event matters, as logs name it: `debug`, `info`, `warn` or `error`.
    pub level: Option<&'static str>,
    /// A coordination event that is a warning, too.
    pub is_warning: Option<bool>,
}

impl From<Event> for NativeEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Connect { db, id, remote } => Self::of_peer("connect", &db, &id).from(remote),
            Event::Disconnect { db, id, reason, remote } => Self {
                reason: Some(reason),
                message: Some(departure(reason)),
                level: Some(name_of(Level::of_departure(reason))),
                ..Self::of_peer("disconnect", &db, &id).from(remote)
            },
            Event::Identified { db, id, remote, process } => Self {
                pid: Some(process.pid),
                command: Some((*process.command).into()),
                ..Self::of_peer("identified", &db, &id).from(Some(remote))
            },
            Event::Trouble { trouble, is_over } => Self::of_trouble(*trouble, is_over),
            Event::Message { db, id, text } => {
                Self { text: Some(to_string(&text)), ..Self::of_peer("message", &db, &id) }
            }
            Event::Note { db, note } => Self {
                code: Some(note.kind.name()),
                message: Some(note.detail),
                level: Some(name_of(Level::of_note(note.kind))),
                is_warning: Some(note.kind.is_warning()),
                ..Self::of_peer("coordination", &db, &note.peer)
            },
            Event::Warning { code, message } => {
                Self { kind: "warning", code: Some(code), message: Some(message), ..Self::default() }
            }
            Event::Error { message } => Self { kind: "error", message: Some(message), ..Self::default() },
            Event::Failed { message } => Self { kind: "failed", message: Some(message), ..Self::default() },
            Event::Refused(refusal) => Self::of_refusal(&refusal),
            Event::Trace(trace) => Self::of_trace(*trace),
            Event::Notice { code, message } => {
                Self { kind: "notice", code: Some(code), message: Some(message), ..Self::default() }
            }
        }
    }
}

impl NativeEvent {
    fn of_trace(trace: Trace) -> Self {
        Self {
            kind: "trace",
            db: Some((*trace.db).into()),
            id: trace.from.as_deref().map(Into::into),
            to: trace.to.as_deref().map(Into::into),
            bytes: Some(u32::try_from(trace.bytes).unwrap_or(u32::MAX)),
            code: Some(trace.fate.name()),
            text: Some(trace.text),
            ..Self::default()
        }
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        Self {
            kind: "refused",
            db: Some((*refusal.db).into()),
            status: Some(refusal.status.into()),
            reason: Some(refusal.reason),
            pid: refusal.process.as_ref().map(|process| process.pid),
            command: refusal.process.as_ref().map(|process| (*process.command).into()),
            left_out: Some(u32::try_from(refusal.left_out).unwrap_or(u32::MAX)),
            ..Self::default()
        }
        .from(Some(refusal.remote))
    }

    fn of_trouble(trouble: Trouble, is_over: bool) -> Self {
        let who = trouble.who.unwrap_or_default();
        let process = who.process;
        Self {
            kind: "trouble",
            db: trouble.db.as_deref().map(Into::into),
            id: who.id.as_deref().map(Into::into),
            code: Some(trouble.kind.name()),
            message: Some(trouble.text),
            advice: Some(trouble.advice),
            age: Some(trouble.age as f64),
            level: Some(name_of(Level::of_trouble(trouble.gravity))),
            is_over: Some(is_over),
            pid: process.as_ref().map(|process| process.pid),
            command: process.map(|process| (*process.command).into()),
            ..Self::default()
        }
        .from(who.remote)
    }

    /// Tells where it came from.
    fn from(self, remote: Option<SocketAddr>) -> Self {
        let remote_port = remote.map(|remote| remote.port()).filter(|port| *port > 0).map(Into::into);
        Self { remote: remote.map(|remote| remote.ip().to_string()), remote_port, ..self }
    }

    fn of_peer(kind: &'static str, db: &str, id: &str) -> Self {
        Self { kind, db: Some(db.into()), id: Some(id.into()), ..Self::default() }
    }
}

/// A level's name in JavaScript's logs.
fn name_of(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error => "error",
    }
}

/// Messages are UTF-8: nothing is replaced here.
fn to_string(text: &Bytes) -> String {
    String::from_utf8_lossy(text).into_owned()
}
