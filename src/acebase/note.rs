//! What is told to the server's owner of the cluster's affairs, and how serious it is.

/// Something worth telling the server's owner; becomes an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// The peer that it is about.
    pub peer: String,
    /// One sentence for a person: what happened and, for warnings, what to do.
    pub detail: String,
}

/// The kinds of [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// A peer was introduced to the others.
    Introduced,
    /// A lost connection's session is kept for a while.
    SessionKept,
    /// The peer came back and its session went on.
    SessionResumed,
    /// A request waits for a master.
    RequestHeld,
    /// A request was given to the next master.
    RequestReplayed,
    /// A request was answered with `ok:false` on the master's behalf.
    RequestFailed,
    /// Requests are answered with `ok:false` because too many are outstanding. A warning, now and then.
    RequestsRefused,
    /// A lock of a peer that is gone was released on its behalf.
    LockReleased,
    /// The master did not know a lock that it was to release.
    ReleaseUnknown,
    /// A new master has taken over.
    MasterChanged,
    /// A process wanted the place of a master that is connected and alive, and was refused. A warning.
    MasterContested,
    /// A connected master did not answer, and another process got its place. A warning.
    MasterSilent,
    /// A message that its receivers could not take, or that its sender may not send, was not forwarded. A warning.
    MessageRefused,
}

impl NoteKind {
    /// The kind in one word, for events, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Introduced => "introduced",
            Self::SessionKept => "session-kept",
            Self::SessionResumed => "session-resumed",
            Self::RequestHeld => "request-held",
            Self::RequestReplayed => "request-replayed",
            Self::RequestFailed => "request-failed",
            Self::RequestsRefused => "requests-refused",
            Self::LockReleased => "lock-released",
            Self::ReleaseUnknown => "release-unknown",
            Self::MasterChanged => "master-changed",
            Self::MasterContested => "master-contested",
            Self::MasterSilent => "master-silent",
            Self::MessageRefused => "message-refused",
        }
    }

    /// The owner is warned, whoever listens.
    pub fn is_warning(self) -> bool {
        matches!(self, Self::RequestsRefused | Self::MasterContested | Self::MasterSilent | Self::MessageRefused)
    }
}
