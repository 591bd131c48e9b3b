//! Why a process may not take part in a cluster under the id that it wants.

/// A process stays out. In words for a person: why, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Objection {
    /// Its id is one of those under which the server itself speaks.
    #[error("Ids that begin with \"acebase-ipc-server\" are the server's own: choose another")]
    OwnId,
    /// It wants to be the master, and another one is connected and alive.
    #[error(
        "Another AceBase master of this database is connected and alive, and two masters would damage the files. \
         Give this process role \"worker\", or stop the other one first"
    )]
    SecondMaster,
}

impl Objection {
    /// The reason in one word, for events and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::OwnId => "own-id",
            Self::SecondMaster => "master",
        }
    }
}
