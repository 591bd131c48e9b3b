//! A client that its database's owner has taken in: bytes are moved both ways until one side ends, the database moves
//! on, or this hub stops.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    super::{Context, stream::Stream},
    calls,
    seek::{Attached, Reached, moved},
};
use crate::{
    cluster::{
        Cluster, Owner,
        relay::{
            course::{self, Ending, Event, Stage},
            dial::Line,
            pair::{Ended, Pair, drop_all},
        },
    },
    hub::coordinator::Loss,
    protocol::{close::CloseReason, frame},
    session::LINGER,
};

/// How long an owner may take to finish a frame that it has begun, before its client is told something else: as long as
/// a busy hub takes. One that stands still does not finish it, and others wait for its clients.
const FRAME_LIMIT: Duration = Duration::from_millis(200);

/// Moves bytes, then ends both connections. `ahead`: what the client has said already.
pub(super) async fn carry(
    client: Stream,
    ahead: Bytes,
    attached: Attached,
    db: &str,
    cluster: &Arc<Cluster>,
    context: &Arc<Context>,
) {
    let Attached { owner, through, mut watch } = attached;
    let _counted = cluster.registry.note_relayed();
    let mut pair = Pair::new(client, through.line, ahead, through.ahead);
    let event = tokio::select! {
        ended = pair.carry() => match ended {
            Ended::Client(loss) => Event::ClientEnded(loss),
            Ended::Owner => Event::OwnerEnded { said_goodbye: pair.has_owner_closed() },
        },
        () = moved(&mut watch, &owner) => Event::Moved,
        () = context.shutdown.cancelled() => Event::Stopping { bequeaths: context.departure.bequeaths() },
    };
    if event == (Event::OwnerEnded { said_goodbye: false }) {
        cluster.registry.doubt(db, &owner);
    }
    match course::ending(Stage::Attached, event) {
        Ending::Close(reason) => {
            close(&mut pair, reason, event).await;
            part(pair).await;
        }
        Ending::HangUp => part(pair).await,
        Ending::Report(loss) => {
            report(loss, through.passage, &owner, cluster).await;
            leave_owner(&mut pair).await;
        }
        Ending::Answer | Ending::Leave => leave_owner(&mut pair).await,
    }
}

/// A client has ended before its connection could be taken over. If an owner has let it in, that learns of it.
pub(super) async fn give_up(reached: Option<Reached>, cluster: &Arc<Cluster>) {
    if let Some(Reached::Attached(attached)) = reached {
        report(Loss::Fin, attached.through.passage, &attached.owner, cluster).await;
    }
}

async fn report(loss: Loss, passage: Option<u64>, owner: &Owner, cluster: &Arc<Cluster>) {
    if let Some(passage) = passage {
        calls::report(loss, passage, owner, cluster).await;
    }
}

/// Tells the client why, where a frame ends. Elsewhere all that can be done is to hang up.
async fn close(pair: &mut Pair<Stream, Line>, reason: CloseReason, event: Event) {
    let may_speak = timeout(FRAME_LIMIT, pair.finish_frame()).await.unwrap_or(false);
    if may_speak && timeout(LINGER, say(pair.client(), reason)).await.is_ok() && matches!(event, Event::Stopping { .. })
    {
        // The owner lives, and its session with this client may go on by way of another hub.
        let _ = timeout(LINGER, pair.hear_client_out()).await;
    }
}

async fn say(client: &mut Stream, reason: CloseReason) -> std::io::Result<()> {
    let mut closing = BytesMut::new();
    frame::put_close(&mut closing, reason);
    client.write_all(&closing).await?;
    client.flush().await
}

/// Ends both connections. A client that has been told something gets a moment to agree.
async fn part(mut pair: Pair<Stream, Line>) {
    let _ = timeout(LINGER, async {
        pair.client().shutdown().await?;
        drop_all(pair.client()).await;
        std::io::Result::Ok(())
    })
    .await;
    leave_owner(&mut pair).await;
}

async fn leave_owner(pair: &mut Pair<Stream, Line>) {
    let _ = timeout(LINGER, pair.leave_owner()).await;
}
