//! What a process is in a cluster.

/// What a peer is to the others of its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// It answers the others' requests.
    Master,
    /// It asks the master.
    Worker,
    /// It has said nothing that AceBase says.
    #[default]
    Plain,
}

impl Role {
    /// The role in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Worker => "worker",
            Self::Plain => "plain",
        }
    }
}
