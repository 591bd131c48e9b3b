//! How much an event matters to a person: decided here for the live page, the log and whoever listens.

use serde::Serialize;

use crate::acebase::NoteKind;

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
    /// Of something that the server did for the cluster. Whoever adds a kind says here how much it matters.
    pub fn of_note(kind: NoteKind) -> Self {
        match kind {
            NoteKind::Introduced => Self::Debug,
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
