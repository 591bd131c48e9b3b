//! Systems where connections end with the process, should that be killed.

use std::{convert::Infallible, sync::Arc};

use crate::{hub::Hub, session::survival::Keep};

/// There is none.
pub struct Survival(Infallible);

impl Survival {
    /// Keeps duplicates of connections.
    pub fn keep(&self) -> Arc<dyn Keep> {
        match self.0 {}
    }

    /// Begins to write down what happens.
    pub fn begin(&self, _: &Hub) {
        match self.0 {}
    }
}
