//! Who is to be told after a turn that there is mail.

use std::{cell::Cell, sync::Arc};

use crate::hub::{outbox::Outbox, transport::Transport};

thread_local! {
    /// The list of outboxes that a turn touched, kept to save its allocation.
    static TOUCHED: Cell<Vec<Arc<Outbox>>> = const { Cell::new(Vec::new()) };
}

/// Outboxes that got mail and whose transports have not been told. Must be rung when no lock is held.
#[must_use]
pub(in crate::hub) struct Mail(Vec<Arc<Outbox>>);

impl Mail {
    /// A list that has been used before, empty.
    pub(super) fn empty() -> Vec<Arc<Outbox>> {
        TOUCHED.take()
    }

    pub(super) fn new(touched: Vec<Arc<Outbox>>) -> Self {
        Self(touched)
    }

    /// Tells the transports.
    pub(in crate::hub) fn ring(self) {
        self.tell(|_, transport| transport.flush());
    }

    /// Tells the transports that more may follow within the moment.
    pub(in crate::hub) fn ring_soon(self) {
        self.tell(|outbox, transport| {
            outbox.defer_flush();
            transport.flush_soon();
        });
    }

    fn tell(mut self, how: impl Fn(&Outbox, &dyn Transport)) {
        for outbox in self.0.drain(..) {
            if let Some(transport) = outbox.transport() {
                how(&outbox, &*transport);
            }
        }
        TOUCHED.set(self.0);
    }
}
