//! Which request does what.

use std::{net::SocketAddr, sync::Arc};

use hyper::{Method, Request, StatusCode, body::Incoming};

use super::{
    Context,
    access::Sight,
    inside, local, operator, relay,
    reply::{self, Reply},
    status, upgrade,
};
use crate::{
    hub::PeerHandle,
    protocol::query::{self, Query},
};

/// Answers one request. `remote`: whose it is.
pub async fn handle(request: Request<Incoming>, remote: SocketAddr, context: &Arc<Context>) -> Reply {
    if let Some(cluster) = context.cluster.as_ref().filter(|_| inside::is_claimed(&request)) {
        // Its future is a large one, and rare, as are those of what other hubs are asked.
        return Box::pin(inside::answer(request, remote, cluster, context)).await;
    }
    if let Some(answer) = relay::status(&request, remote, context).await {
        return answer;
    }
    if let Some(answer) = status::answer(&request, context) {
        return answer;
    }
    if let Some(answer) = operator::answer(&request, remote, context).await {
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
        ("receive", &Method::GET) => receive(&request, remote, &db, &query, context).await,
        ("clients", &Method::GET | &Method::HEAD) => clients(&request, remote, &db, &query, context).await,
        ("clients", _) => reply::method_not_allowed("GET, HEAD"),
        ("connect" | "receive", _) => reply::method_not_allowed("GET"),
        ("send", _) => reply::method_not_allowed("POST"),
        _ => reply::not_found(),
    }
}

/// The body is one message of a connected client, of this hub or of the one that has the database.
async fn send(request: Request<Incoming>, remote: SocketAddr, db: &str, query: &Query, context: &Context) -> Reply {
    if !context.access.allows_token(db, query.token.as_deref()) {
        return reply::unauthorized();
    }
    match relay::elsewhere(db, context).await {
        Some(elsewhere) => Box::pin(elsewhere.send(request, remote, context)).await,
        None => local::take_message(request, remote, db, query, context).await,
    }
}

/// The message is in the query. For trying things out, in development only.
fn send_from_query(db: &str, query: Query, context: &Context) -> Reply {
    match sender(db, &query, context) {
        Some(peer) => local::deliver(&peer, query.message.unwrap_or_default().into()),
        None => reply::unauthorized(),
    }
}

fn sender(db: &str, query: &Query, context: &Context) -> Option<PeerHandle> {
    if !context.access.allows_token(db, query.token.as_deref()) {
        return None;
    }
    local::peer(db, query, context)
}

/// Hands a large message out, once for each addressee.
async fn receive<B>(request: &Request<B>, remote: SocketAddr, db: &str, query: &Query, context: &Context) -> Reply {
    if !context.access.allows_token(db, query.token.as_deref()) {
        return reply::unauthorized();
    }
    match relay::elsewhere(db, context).await {
        Some(elsewhere) => {
            let text = request.uri().query().unwrap_or_default();
            Box::pin(elsewhere.fetch("receive", text, remote, context)).await
        }
        None => local::hand_out(db, query, context),
    }
}

/// Who is connected to a database.
async fn clients<B>(request: &Request<B>, remote: SocketAddr, db: &str, query: &Query, context: &Context) -> Reply {
    if !context.access.allows_request(db, query.token.as_deref(), request.headers()) {
        return reply::unauthorized();
    }
    match relay::elsewhere(db, context).await {
        Some(elsewhere) => Box::pin(elsewhere.fetch("clients", "", remote, context)).await,
        None => local::list_clients(db, context),
    }
}
