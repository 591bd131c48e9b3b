//! A relayed client's stay: in the lobby until somebody takes it in, then wherever that is.

use std::{io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use super::{
    super::{
        Context,
        entry::{self, Arrival, Wishes},
        handshake::Upgrade,
        stream::Stream,
        waiting,
    },
    carry,
    seek::{Reached, Seeking},
};
use crate::{
    cluster::{
        Cluster,
        relay::{
            course::{self, Ending, Event, Stage},
            lobby::{Lobby, Over},
        },
    },
    hub::coordinator::Loss,
    protocol::close::CloseReason,
    session::LINGER,
};

/// How long a client may wait for an owner. Then it is closed, and comes back: it is not forgotten here for ever,
/// should nobody be there behind a connection that looks open.
const LONGEST_STAY: Duration = Duration::from_secs(5 * 60);

/// How long a client may take to read an answer of a few bytes.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Bytes read at a time.
const READ_LEN: usize = 4 * 1024;

/// Keeps a client until its connection ends, or a session has it. `reached`: who has taken it in already; `seeking`:
/// else the search for that goes on.
pub(super) async fn stay(
    (db, wishes): (&str, Wishes),
    upgrade: Upgrade,
    reached: Option<Reached>,
    seeking: Seeking,
    cluster: &Arc<Cluster>,
    context: &Arc<Context>,
) {
    let listed = cluster.relay.relayed.list(db, &wishes.id, wishes.remote);
    let Some((mut stream, read)) = upgrade.stream().await else {
        return carry::give_up(reached, cluster).await;
    };
    let (reached, ahead) = match reached {
        Some(reached) => (reached, read),
        None => match wait(&mut stream, &read, seeking, cluster, context).await {
            Ok(found) => found,
            Err(end) => return take_leave(stream, end).await,
        },
    };
    match reached {
        Reached::Here(entrance) => {
            drop(listed);
            entry::begin_session(Arrival::Stream(Box::new(stream), ahead), entrance, db, wishes, context).await;
        }
        Reached::Attached(attached) => {
            listed.attach(&attached.owner.name);
            carry::carry(stream, ahead, *attached, db, cluster, context).await;
        }
        Reached::TurnedAway(_) | Reached::Refused(_) => take_leave(stream, End::Event(Event::Refused)).await,
    }
}

/// How a stay in the lobby ends without anybody having been found.
enum End {
    Event(Event),
    Close(CloseReason),
    Left,
}

/// Answers signs of life, and keeps all else, until somebody takes the client in; with what is to be said to whoever
/// that is.
async fn wait(
    stream: &mut Stream,
    read: &[u8],
    mut seeking: Seeking,
    cluster: &Cluster,
    context: &Context,
) -> Result<(Reached, Bytes), End> {
    let _counted = cluster.registry.note_waiting();
    let mut lobby = Lobby::default();
    hear(&mut lobby, read, stream).await?;
    let mut buffer = BytesMut::new();
    let mut too_long = std::pin::pin!(sleep(LONGEST_STAY));
    loop {
        buffer.clear();
        buffer.reserve(READ_LEN);
        tokio::select! {
            reached = &mut seeking => return Ok((reached, lobby.into_ahead())),
            count = stream.read_buf(&mut buffer) => match count {
                Ok(1..) => hear(&mut lobby, &buffer, stream).await?,
                Ok(0) | Err(_) => return Err(End::Event(Event::ClientEnded(Loss::Fin))),
            },
            () = &mut too_long => return Err(End::Event(Event::TooLong)),
            () = context.shutdown.cancelled() => {
                return Err(End::Event(Event::Stopping { bequeaths: context.departure.bequeaths() }));
            }
        }
    }
}

async fn hear(lobby: &mut Lobby, bytes: &[u8], stream: &mut Stream) -> Result<(), End> {
    let answers = lobby.hear(bytes).map_err(|over| match over {
        Over::Left => End::Left,
        Over::Close(reason) => End::Close(reason),
    })?;
    if answers.is_empty() {
        return Ok(());
    }
    let answer = async {
        stream.write_all(&answers).await?;
        stream.flush().await
    };
    let answered = timeout(ANSWER_LIMIT, answer).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    answered.map_err(|_| End::Event(Event::ClientEnded(Loss::Unreachable)))
}

async fn take_leave(mut stream: Stream, end: End) {
    let ending = match end {
        End::Event(event) => course::ending(Stage::Lobby, event),
        End::Close(reason) => Ending::Close(reason),
        End::Left => Ending::Close(CloseReason::Farewell),
    };
    match ending {
        Ending::Close(reason) => waiting::close(stream, (reason, None)).await,
        Ending::HangUp => drop(timeout(LINGER, stream.shutdown()).await),
        Ending::Answer | Ending::Report(_) | Ending::Leave => {}
    }
}
