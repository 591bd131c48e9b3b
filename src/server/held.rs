//! What a hub of several had when it ended, for the next process of the same name.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::cluster::Member;

/// Its place among the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Held {
    /// Its databases, with their epochs.
    pub databases: Vec<(Arc<str>, u64)>,
    /// The other hubs that it knew.
    pub members: Vec<Member>,
}
