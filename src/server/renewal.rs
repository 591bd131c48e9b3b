//! Brings renewed certificates into use while the server runs.

use std::{sync::Arc, time::Duration};

use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    hub::event::{Event, Observer},
    tls::{Certificates, TlsError},
};

/// How often the certificates' files are looked at. Changed files come into use when they look the same twice: with
/// this, within ten seconds.
const LOOK_EVERY: Duration = Duration::from_secs(4);

/// Looks at the files now and then, off the runtime's thread: the disk may be slow, and so is decrypting a key.
pub async fn watch_files(certificates: Arc<Certificates>, observer: Arc<dyn Observer>) {
    loop {
        sleep(LOOK_EVERY).await;
        let looking = certificates.clone();
        if let Ok(Some(outcome)) = spawn_blocking(move || looking.reload_if_changed()).await {
            tell(&outcome, &*observer);
        }
    }
}

/// Tells how a reload went.
pub fn tell(outcome: &Result<(), TlsError>, observer: &dyn Observer) {
    observer.event(match outcome {
        Ok(()) => Event::Notice {
            code: "certificates-reloaded",
            message: "The certificates were read anew, and are used for new connections".into(),
        },
        Err(error) => Event::Warning {
            code: "certificates-not-reloaded",
            message: format!("The certificates have changed and cannot be used; the old ones stay in use. {error}"),
        },
    });
}
