//! Who a hub is among the others.

use serde::{Deserialize, Serialize};

use super::owner::Owner;

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

impl Member {
    /// This hub, as the owner of a database.
    pub fn as_owner(&self, epoch: u64) -> Owner {
        Owner { name: self.name.clone(), address: self.address.clone(), epoch }
    }
}
