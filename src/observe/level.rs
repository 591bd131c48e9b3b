//! How much an event matters to a person: decided here for the live page, the log and whoever listens.

use serde::Serialize;

use crate::acebase::{Gravity, NoteKind};

/// From the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Comes with every peer, and is for those who look for a fault.
    Debug,
    /// The cluster's daily life.
    Info,
    /// Somebody has lost something, or something should be changed.
    Warning,
    /// A part does not work.
    Error,
}

impl Level {
    /// Of a trouble.
    pub fn of_trouble(gravity: Gravity) -> Self {
        match gravity {
            Gravity::Notice => Self::Info,
            Gravity::Hindrance => Self::Warning,
            Gravity::Standstill => Self::Error,
        }
    }

    /// Of a peer's departure, by its reason.
    pub fn of_departure(reason: &str) -> Self {
        match reason {
            "unreachable" | "slow" | "violation" => Self::Warning,
            _ => Self::Info,
        }
    }

    /// Of something that the server did for the cluster. Whoever adds a kind says here how much it matters.
    pub fn of_note(kind: NoteKind) -> Self {
        match kind {
            NoteKind::Introduced | NoteKind::ReleaseUnknown => Self::Debug,
            NoteKind::SessionKept
            | NoteKind::SessionResumed
            | NoteKind::RequestHeld
            | NoteKind::RequestReplayed
            | NoteKind::LockReleased
            | NoteKind::MasterChanged => Self::Info,
            NoteKind::RequestFailed | NoteKind::RequestsRefused | NoteKind::MasterSilent | NoteKind::MessageRefused => {
                Self::Warning
            }
            NoteKind::MasterContested => Self::Error,
        }
    }
}

/// How a peer has left, in words for a person, with the word for programs.
pub fn departure(reason: &'static str) -> String {
    let words = match reason {
        "closed" => "it closed its connection",
        "fin" => "its connection ended without a goodbye, as when a process ends",
        "reset" => "its connection was reset, as when a process is killed",
        "unreachable" => "its host or process does not answer any more",
        "slow" => "it did not read, and more than maxQueue waited for it",
        "violation" => "it broke the protocol",
        "kicked" => "the server's owner closed its connection",
        "shutdown" => "the server stops",
        "moved" => "another hub of the cluster has the database",
        "replaced" => "another connection has taken its id",
        _ => return reason.to_owned(),
    };
    format!("{words} ({reason})")
}
