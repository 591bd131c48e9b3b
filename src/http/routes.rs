//! Which request does what.

use std::{iter, net::IpAddr, sync::Arc};

use hyper::{Method, Request, StatusCode, body::Incoming};
use serde::Serialize;

use super::{
    Context,
    access::Sight,
    body,
    reply::{self, Reply},
    status, upgrade,
};
use crate::{
    hub::PeerHandle,
    protocol::{
        Text,
        query::{self, Query},
    },
};

/// Answers one request. `remote`: whose it is.
pub async fn handle(request: Request<Incoming>, remote: IpAddr, context: &Arc<Context>) -> Reply {
    if let Some(answer) = status::answer(&request, context) {
        return answer;
    }
    let Some((db, action)) = query::split_path(request.uri().path()) else {
        return reply::not_found();
    };
    if !context.access.allows_page(request.headers()) {
        context.tell_refused(remote, &db, StatusCode::FORBIDDEN, "origin");
        return reply::foreign_page();
    }
    if matches!(action, "receive" | "clients") && !context.access.allows_host(Sight::Database(&db), request.headers()) {
        context.tell_refused(remote, &db, StatusCode::FORBIDDEN, "host");
        return reply::foreign_host();
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    match (action, request.method()) {
        ("connect", &Method::GET) => upgrade::connect(request, remote, &db, &query, context).await,
        ("send", &Method::POST) => send(request, remote, &db, &query, context).await,
        ("send", &Method::GET) if context.sends_from_query(&db) => send_from_query(&db, query, context),
        ("receive", &Method::GET) => receive(&db, &query, context),
        ("clients", &Method::GET | &Method::HEAD) => clients(&request, &db, &query, context),
        ("clients", _) => reply::method_not_allowed("GET, HEAD"),
        ("connect" | "receive", _) => reply::method_not_allowed("GET"),
        ("send", _) => reply::method_not_allowed("POST"),
        _ => reply::not_found(),
    }
}

/// The body is one message of a connected client.
async fn send(request: Request<Incoming>, remote: IpAddr, db: &str, query: &Query, context: &Context) -> Reply {
    let Some(peer) = sender(db, query, context) else {
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

/// The message is in the query. For trying things out, in development only.
fn send_from_query(db: &str, query: Query, context: &Context) -> Reply {
    match sender(db, &query, context) {
        Some(peer) => deliver(&peer, query.message.unwrap_or_default().into()),
        None => reply::unauthorized(),
    }
}

fn sender(db: &str, query: &Query, context: &Context) -> Option<PeerHandle> {
    if !context.access.allows_token(db, query.token.as_deref()) {
        return None;
    }
    context.hub.peer(db, query.id.as_deref()?)
}

fn deliver(peer: &PeerHandle, message: Text) -> Reply {
    peer.receive(iter::once(message));
    reply::text(StatusCode::OK, "ok")
}

/// Hands a large message out, once for each addressee.
fn receive(db: &str, query: &Query, context: &Context) -> Reply {
    if sender(db, query, context).is_none() {
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
fn clients(request: &Request<Incoming>, db: &str, query: &Query, context: &Context) -> Reply {
    #[derive(Serialize)]
    struct Row<'a> {
        id: &'a str,
        connected: u64,
    }

    if !context.access.allows_request(db, query.token.as_deref(), request.headers()) {
        return reply::unauthorized();
    }
    let clients = context.hub.clients(db);
    let rows: Vec<_> = clients.iter().map(|client| Row { id: &client.id, connected: client.connected }).collect();
    match serde_json::to_vec(&rows) {
        Ok(body) => reply::json(body),
        Err(_) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal error"),
    }
}
