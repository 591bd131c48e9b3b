//! What a text says, as far as the hub must know.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::AnswerKind;

/// What a text is to the clients that receive it.
#[derive(Debug, PartialEq)]
pub enum Reading<'a> {
    /// Clients print it, and do nothing.
    Ignored,
    /// One of the hub's own words.
    Notice,
    /// JSON that no client acts upon: it has none of the types that they know.
    Foreign,
    /// A message that clients can take, from whom it should come.
    Sound(Said<'a>),
    /// A message that clients cannot take, or that cannot be read.
    Unsound(Unsound),
}

/// A message that clients can take.
#[derive(Debug, PartialEq)]
pub struct Said<'a> {
    /// Whom it names as its sender.
    pub from: Cow<'a, [u8]>,
    /// What it says.
    pub message: Message,
}

/// The place of a record in the database's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The page, from 0.
    pub page: u64,
    /// The record in it, from 0.
    pub record: u64,
}

/// The messages of AceBase.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// `event`, and the notifications that every process sends as it goes along.
    News,
    /// `root.update`: the root record is at this place.
    RootMoved(Place),
    /// `kit.new_key`: only a master sends it.
    NewKey {
        /// Its place in the table of keys.
        index: u64,
    },
    /// `index.created`: only a master sends it.
    IndexCreated {
        /// The index's file.
        file_name: String,
    },
    /// `index.deleted`
    IndexDeleted {
        /// The index's file.
        file_name: String,
    },
    /// `hello`, `subscribe`, `unsubscribe`: only a peer that takes part says so.
    Interest,
    /// `bye`
    Bye,
    /// A worker requests something of the master.
    Request(Request),
    /// The master answers a worker.
    Answer(Answer),
}

impl Message {
    /// Whether its sender may have written something into the files: whoever writes tells it the others.
    pub fn is_about_files(&self) -> bool {
        match self {
            Self::News
            | Self::RootMoved(_)
            | Self::NewKey { .. }
            | Self::IndexCreated { .. }
            | Self::IndexDeleted { .. } => true,
            Self::Interest | Self::Bye | Self::Request(_) | Self::Answer(_) => false,
        }
    }
}

/// The lock that a worker requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedLock {
    /// The database path, without a leading slash.
    pub path: String,
    /// The transaction: its own locks do not conflict.
    pub tid: String,
    /// A write lock (else a read lock).
    pub write: bool,
    /// The client's own words on what it is for.
    pub comment: String,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// A new lock.
    Lock(WantedLock),
    /// That a lock be released.
    Unlock {
        /// The master's number for it.
        lock: u64,
    },
    /// That a lock be moved to the parent of its path.
    Move {
        /// The master's number for it.
        lock: u64,
    },
    /// That a key be added to the key index. The client does not handle this request's rejection: it would die of it.
    AddKey,
    /// That space be freed. Freed twice it would be given away twice; not freed it is merely lost. Nor does the client
    /// handle this request's rejection.
    Free,
    /// That space be given, for what a transaction is about to write.
    Allocate,
    /// That an index be created.
    CreateIndex,
    /// Anything else.
    Custom,
}

impl Ask {
    /// The master needs its tables of keys, of free space or of indexes for it.
    pub fn needs_tables(&self) -> bool {
        matches!(self, Self::AddKey | Self::Free | Self::Allocate | Self::CreateIndex | Self::Custom)
    }
}

/// A worker's request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The worker's id for it, which the answer repeats. Never empty.
    pub id: String,
    /// What it asks for.
    pub ask: Ask,
}

/// A lock that a master granted, as far as its answer tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// The master's number for it.
    pub id: u64,
    /// The database path, without a leading slash.
    pub path: Option<String>,
    /// The transaction that it belongs to.
    pub tid: Option<String>,
    /// A write lock (else a read lock).
    pub write: bool,
    /// The client's own words on what it is for.
    pub comment: Option<String>,
    /// In milliseconds since the Unix epoch.
    pub expires: Option<u64>,
}

/// A master's answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The id of the request that it answers.
    pub id: String,
    /// To what it can be the answer.
    pub kind: AnswerKind,
    /// Whether it says that all is well.
    pub is_ok: bool,
    /// The lock that it grants, if it does.
    pub grant: Option<Grant>,
    /// Whether a worker that has requested a key can take it: it names a place in the table of keys, or none.
    pub suits_key: bool,
    /// Whether it says that there is no such index.
    pub denies_index: bool,
    /// Whether it says that the master is about to end, and grants no transaction its first lock any more.
    pub is_leaving: bool,
}

impl Answer {
    /// Whether who has requested this can take it.
    pub fn suits(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Lock(_) | Ask::Move { .. } => self.kind == AnswerKind::Lock,
            Ask::Unlock { .. } => self.kind == AnswerKind::Unlock,
            Ask::AddKey => self.kind == AnswerKind::Custom && self.suits_key,
            Ask::Free | Ask::Allocate | Ask::CreateIndex | Ask::Custom => self.kind == AnswerKind::Custom,
        }
    }
}

/// A message that clients cannot take.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsound {
    /// Its type, if it has one that clients know.
    pub kind: Option<&'static str>,
    /// What is wrong with it.
    pub fault: Fault,
    /// Who waits for an answer because of it, or for a better one.
    pub due: Option<Due>,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Clients would end by parsing it.
    #[error("is no JSON")]
    NoJson,
    /// Clients take the last one, others may take the first.
    #[error("has a member twice, or one that cannot be read")]
    Members,
    /// `from`
    #[error("names no sender")]
    Sender,
    /// `id`
    #[error("has no id that is a text")]
    Id,
    /// `data`
    #[error("has no data that is an object")]
    Data,
    /// `ok`
    #[error("has no \"ok\" that is true or false")]
    Ok,
    /// A member of `data`, or `reason`.
    #[error("has no \"{0}\" that can be taken")]
    Member(&'static str),
}

/// An answer that somebody waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// The sender has made a request by this id.
    Request {
        /// The worker's id for it. Never empty.
        id: String,
        /// How it is answered.
        form: RefusalForm,
    },
    /// This request has got an answer that its worker cannot take.
    Answer {
        /// The worker's id for it. Never empty.
        id: String,
    },
}

/// How a request is refused, so that its client can bear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalForm {
    /// `lock-result`, not ok
    Lock,
    /// `unlock-result`, not ok
    Unlock,
    /// `result`, not ok
    Custom,
    /// `result`, whose data is not ok: as masters themselves refuse requests.
    ByMaster,
}

impl From<&Ask> for RefusalForm {
    fn from(ask: &Ask) -> Self {
        match ask {
            Ask::Lock(_) | Ask::Move { .. } => Self::Lock,
            Ask::Unlock { .. } => Self::Unlock,
            Ask::AddKey | Ask::Free => Self::ByMaster,
            Ask::Allocate | Ask::CreateIndex | Ask::Custom => Self::Custom,
        }
    }
}
