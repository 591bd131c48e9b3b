//! Who a hub is among the others.

use serde::{Deserialize, Serialize};

/// A hub, as others know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Its name: no two hubs of a cluster have the same.
    pub name: String,
    /// Where others reach it: `host:port`.
    pub address: String,
    /// Another one with each process, so that two hubs of one name are noticed.
    pub life: String,
}
