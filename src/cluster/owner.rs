//! Who has a database.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The hub that has a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Where other hubs reach it: `host:port`.
    pub address: String,
    /// The how-manieth ownership of the database this is: each new owner has a higher one.
    pub epoch: u64,
}

/// A database, and the how-manieth ownership of it.
pub type Lease = (Arc<str>, u64);
