//! Connections that the hub makes wait until it knows whether they may come in: before their handshake is answered, and
//! after it, when nobody hears them yet. What they wait for is the hub's business.

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use super::{Context, stream::Stream};
use crate::{
    acebase::Objection,
    hub::{Admission, Place, Refused, coordinator::Decision},
    protocol::{close::CloseReason, frame},
    session::{Connection, LINGER},
};

/// Decisions about one connection: that it stands by, and what becomes of it then.
const MAX_DECISIONS: usize = 2;

/// Bytes that a connection may send while it stands by: the published client sends a few short messages.
const MAX_READ_AHEAD: usize = 64 * 1024;

/// Bytes read at a time.
const READ_LEN: usize = 4 * 1024;

type Decisions = mpsc::Receiver<Decision>;

/// How a connection may enter.
pub(super) enum Entrance {
    /// Right away.
    Open(Place),
    /// After it has stood by.
    StandBy(Candidate),
}

/// A connection whose handshake was answered, and that is not in yet.
pub(super) struct Candidate {
    /// What it is told.
    text: Bytes,
    place: Place,
    decisions: Decisions,
}

/// Asks the hub to let a connection in, and waits for its answer. Dropping this gives the place up.
///
/// # Errors
/// It stays out.
pub(super) async fn enter(db: &str, id: &str, context: &Context) -> Result<Entrance, Refused> {
    let (tell, mut decisions) = mpsc::channel(MAX_DECISIONS);
    // There is room for all there can be.
    let tell = Box::new(move |decision| drop(tell.try_send(decision)));
    let place = match context.hub.admit(db, id, tell) {
        Admission::Open(place) => return Ok(Entrance::Open(place)),
        Admission::Wait(place) => place,
        Admission::Refused(refused) => return Err(refused),
    };
    match decisions.recv().await {
        Some(Decision::LetIn) => Ok(Entrance::Open(place)),
        Some(Decision::StandBy(text)) => Ok(Entrance::StandBy(Candidate { text, place, decisions })),
        Some(Decision::Refuse(objection)) => Err(Refused::ByCoordinator(objection)),
        None => Err(Refused::Stopping),
    }
}

impl Candidate {
    /// Tells the connection what it is to be told, and keeps what it says, until it may come in. `welcome`: what it
    /// must hear before that; `arrival`: the connection, with what was read already. `None`: it is gone, or the server
    /// stops.
    ///
    /// # Errors
    /// It may not come in, and has been told why.
    pub(super) async fn stand_by(
        self,
        arrival: (Stream, Bytes),
        welcome: Option<String>,
    ) -> Result<Option<(Connection, Place)>, Objection> {
        let mut refused = None;
        let entered = self.stand_by_until(arrival, welcome, &mut refused).await;
        refused.map_or(Ok(entered), Err)
    }

    async fn stand_by_until(
        mut self,
        (mut stream, read): (Stream, Bytes),
        welcome: Option<String>,
        refused: &mut Option<Objection>,
    ) -> Option<(Connection, Place)> {
        let mut words = BytesMut::new();
        if let Some(welcome) = welcome {
            frame::put_text(&mut words, welcome.as_bytes());
        }
        frame::put_text(&mut words, &self.text);
        stream.write_all(&words).await.ok()?;
        stream.flush().await.ok()?;
        let mut ahead = BytesMut::from(read);
        let refusal = loop {
            ahead.reserve(READ_LEN);
            tokio::select! {
                decision = self.decisions.recv() => match decision {
                    Some(Decision::LetIn) => return Some((stream.into_connection(ahead.freeze()), self.place)),
                    Some(Decision::StandBy(_)) => {}
                    Some(Decision::Refuse(objection)) => break (CloseReason::MasterTaken, Some(objection)),
                    None => break (CloseReason::Shutdown, None),
                },
                read = stream.read_buf(&mut ahead) => match read {
                    Ok(1..) if ahead.len() <= MAX_READ_AHEAD => {}
                    Ok(1..) => break (CloseReason::TooLarge, None),
                    // It is gone.
                    Ok(0) | Err(_) => return None,
                },
            }
        };
        *refused = refusal.1;
        drop(self.place);
        close(stream, refusal).await;
        None
    }
}

/// Says why, and gives the other side a moment to agree. Published clients print texts, but not why they are closed.
pub(super) async fn close(mut stream: Stream, (reason, objection): (CloseReason, Option<Objection>)) {
    let mut closing = BytesMut::new();
    if let Some(objection) = objection {
        frame::put_text(&mut closing, objection.to_string().as_bytes());
    }
    frame::put_close(&mut closing, reason);
    let _ = timeout(LINGER, async {
        stream.write_all(&closing).await?;
        stream.shutdown().await?;
        let mut sink = [0; READ_LEN];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    })
    .await;
}
