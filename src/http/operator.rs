//! What an operator does to a running server over HTTP, beside looking at it: ends one client's session (`POST /kick`),
//! sees the messages that are carried (`POST /trace`, again and again), and has a database go to another hub
//! (`POST /handover`). The first two are asked of any hub of a cluster, which has the database's owner do it.
//!
//! Who may do so must know a token that opens the database. Where no token is asked for, whoever reaches the port could
//! take any client's place anyway; it must ask from this machine, and not by way of a proxy, for what is traced are
//! users' data.

use std::{net::SocketAddr, sync::Arc};

use hyper::{HeaderMap, Method, Request, StatusCode};

use super::{
    Context,
    access::Sight,
    local::{self, KICK_PATH, TRACE_PATH},
    relay::{
        self,
        passing::{self, Manner, NotPassed, Otherwise},
    },
    reply::{self, Reply},
};
use crate::{
    cluster::Owner,
    protocol::{close::CloseReason, query},
};

/// Headers of whoever has passed a request on.
const PASSED_ON: [&str; 3] = ["x-forwarded-for", "x-forwarded-proto", "forwarded"];

/// What is to be done.
#[derive(Clone, Copy)]
enum Deed {
    Kick,
    Trace,
    Handover,
}

/// The answer to a request for one of these; `None`: it is for something else. `remote`: whose it is.
pub async fn answer<B>(request: &Request<B>, remote: SocketAddr, context: &Arc<Context>) -> Option<Reply> {
    let deed = match request.uri().path() {
        KICK_PATH => Deed::Kick,
        TRACE_PATH => Deed::Trace,
        "/handover" => Deed::Handover,
        _ => return None,
    };
    Some(match admit(request, remote, context) {
        Ok(db) => perform(deed, db, request, remote, context).await,
        Err(refusal) => *refusal,
    })
}

/// The database that it is about.
fn admit<B>(request: &Request<B>, remote: SocketAddr, context: &Context) -> Result<String, Box<Reply>> {
    let (access, headers) = (&context.access, request.headers());
    if *request.method() != Method::POST {
        return Err(Box::new(reply::method_not_allowed("POST")));
    }
    if !access.allows_own_page(headers) {
        return Err(Box::new(reply::foreign_page()));
    }
    let query = request.uri().query().unwrap_or_default();
    let Some(db) = query::parameter(query, "db") else { return Err(Box::new(bad("db is missing"))) };
    let sight = Sight::Database(&db);
    if !access.allows_host(sight, headers) {
        return Err(Box::new(reply::foreign_host()));
    }
    let token = query::parameter(query, "t");
    if !access.allows_look(sight, token.as_deref(), headers) || !access.asks_token(sight) && !is_local(remote, headers)
    {
        return Err(Box::new(reply::unauthorized()));
    }
    Ok(db)
}

async fn perform<B>(deed: Deed, db: String, request: &Request<B>, remote: SocketAddr, context: &Arc<Context>) -> Reply {
    let (path, text) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let client = query::parameter(text, "client");
    match (deed, &client) {
        // Its future is a large one, and rare, as is that of asking the owner.
        (Deed::Handover, _) => return Box::pin(hand_over(db, query::parameter(text, "to"), context)).await,
        (Deed::Kick, None) => return bad("client is missing"),
        (Deed::Kick | Deed::Trace, _) => {}
    }
    match relay::elsewhere(&db, context).await {
        Some(elsewhere) => Box::pin(elsewhere.operate(path, client.as_deref(), remote, context)).await,
        None => local::operate(path, &db, client, context),
    }
}

/// Has a database go to another hub. Who asks may hang up meanwhile.
async fn hand_over(db: String, to: Option<String>, context: &Arc<Context>) -> Reply {
    let Some(cluster) = context.cluster.clone() else {
        return reply::text(StatusCode::NOT_FOUND, "404 This server is not one of several hubs");
    };
    let shared = context.clone();
    let pass = async move {
        let manner = Manner {
            why: CloseReason::HandedOver,
            drain: shared.drain_timeout,
            flush: shared.limits.flush_timeout,
            otherwise: Otherwise::TakesItBack,
        };
        passing::pass(&db, to.as_deref(), &manner, &shared.hub, &cluster, &*shared.watch).await
    };
    let status = match context.tasks.spawn(pass).await {
        Ok(Ok(Owner { name, address, epoch })) => {
            let owner = serde_json::json!({ "owner": name, "address": address, "epoch": epoch });
            return reply::json(owner.to_string());
        }
        Ok(Err(why)) => (status_of(&why), why.to_string()),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()),
    };
    reply::text(status.0, format!("{} {}", status.0.as_u16(), status.1))
}

fn status_of(why: &NotPassed) -> StatusCode {
    match why {
        NotPassed::At(_) | NotPassed::Nobodys => StatusCode::CONFLICT,
        NotPassed::Unknown { .. } => StatusCode::BAD_REQUEST,
        NotPassed::Alone | NotPassed::NobodyAnswers | NotPassed::EngineDown => StatusCode::SERVICE_UNAVAILABLE,
        NotPassed::Failed { .. } => StatusCode::BAD_GATEWAY,
    }
}

fn is_local(remote: SocketAddr, headers: &HeaderMap) -> bool {
    remote.ip().is_loopback() && !PASSED_ON.iter().any(|name| headers.contains_key(*name))
}

fn bad(what: &str) -> Reply {
    reply::text(StatusCode::BAD_REQUEST, format!("400 {what}"))
}
