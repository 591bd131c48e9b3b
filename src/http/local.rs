//! What is asked of a database that this hub has, by whoever may ask it.

use std::{iter, net::SocketAddr};

use hyper::{Request, StatusCode, body::Incoming};
use serde::Serialize;

use super::{
    Context, body,
    reply::{self, Reply},
};
use crate::{
    hub::{PeerHandle, PeerSnapshot},
    protocol::{Text, query::Query},
};

/// Where a client's session is ended.
pub(super) const KICK_PATH: &str = "/kick";

/// Where the messages that are carried are seen.
pub(super) const TRACE_PATH: &str = "/trace";

/// The body is one message of a connected client.
pub(super) async fn take_message(
    request: Request<Incoming>,
    remote: SocketAddr,
    db: &str,
    query: &Query,
    context: &Context,
) -> Reply {
    let Some(peer) = peer(db, query, context) else {
        return reply::unauthorized();
    };
    let id = query.id.as_deref().unwrap_or_default();
    match body::read_text(request.into_body(), db, id, &context.limits).await {
        Ok(message) => deliver(&peer, message),
        Err(refusal) => {
            // The sender does not look at the answer: without this the message would be lost without a word.
            context.tell_refused(remote, db, refusal.status(), "message");
            refusal
        }
    }
}

/// The client that a request is of, where it is connected.
pub(super) fn peer(db: &str, query: &Query, context: &Context) -> Option<PeerHandle> {
    context.hub.peer(db, query.id.as_deref()?)
}

/// Takes a message of a client.
pub(super) fn deliver(peer: &PeerHandle, message: Text) -> Reply {
    peer.receive(iter::once(message));
    reply::text(StatusCode::OK, "ok")
}

/// Hands a large message out, once for each addressee.
pub(super) fn hand_out(db: &str, query: &Query, context: &Context) -> Reply {
    if peer(db, query, context).is_none() {
        return reply::unauthorized();
    }
    let (Some(id), Some(message)) = (&query.id, &query.message) else {
        return reply::not_found();
    };
    match context.hub.take_parcel(db, id, message) {
        Some(text) => reply::text(StatusCode::OK, text),
        None => reply::not_found(),
    }
}

/// Who is connected to a database.
pub(super) fn list_clients(db: &str, context: &Context) -> Reply {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        connected: u64,
        /// The hub that it has reached, where that is another one.
        #[serde(skip_serializing_if = "Option::is_none")]
        via: Option<&'a str>,
    }

    impl<'a> From<&'a PeerSnapshot> for Row<'a> {
        fn from(client: &'a PeerSnapshot) -> Self {
            Self { id: &client.id, connected: client.connected, via: client.via.as_deref() }
        }
    }

    let clients = context.hub.clients(db);
    let rows: Vec<_> = clients.iter().map(Row::from).collect();
    match serde_json::to_vec(&rows) {
        Ok(body) => reply::json(body),
        Err(_) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal error"),
    }
}

/// What an operator does to it, or to one client of it.
pub(super) fn operate(path: &str, db: &str, client: Option<String>, context: &Context) -> Reply {
    match (path, client) {
        (KICK_PATH, Some(client)) if context.hub.kick(db, &client) => reply::text(StatusCode::OK, "kicked"),
        (TRACE_PATH, client) => trace(db, client, context),
        _ => reply::not_found(),
    }
}

fn trace(db: &str, client: Option<String>, context: &Context) -> Reply {
    match context.watch.trace(&context.hub, db, client) {
        Some(messages) => reply::json(messages),
        None => reply::text(StatusCode::SERVICE_UNAVAILABLE, "503 Too many traces are going on"),
    }
}
