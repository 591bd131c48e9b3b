//! Requests of other hubs of the cluster: on behalf of a client that has reached them, or on their own. They show that
//! they know the cluster's secret, for this one request; what the client showed was checked there. None is passed on:
//! who has not got the database says so (421), and the other hub looks again.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{HeaderName, HeaderValue},
};

use super::{
    Context, body,
    entry::{self, Wishes},
    handshake::Upgrade,
    local,
    reply::{self, Reply},
    status,
};
use crate::{
    clock,
    cluster::{
        Cluster, EngineState, Member, Whereabouts,
        credentials::{self, NotVouched, Vouched},
        estate::Estate,
        owner::Lease,
    },
    hub::coordinator::Loss,
    protocol::query::{self, Query},
    session::passage::Whose,
};

/// With `101`: what this hub calls the connection. The other hub reports under it how its client has ended.
pub const PASSAGE: HeaderName = HeaderName::from_static("x-acebase-passage");

/// Where hubs ask each other whether they reach the engine.
pub const ENGINE_PATH: &str = "/cluster/engine";

/// Where a hub that does not reach it asks who has a database: `?db=<name>`.
pub const OWNER_PATH: &str = "/cluster/owner";

/// Where they ask each other whether a database may be left to them.
pub const HEIR_PATH: &str = "/cluster/heir";

/// Where they leave databases to each other, with what they had in mind: `?db=<name>&epoch=<their own>`.
pub const ESTATE_PATH: &str = "/cluster/estate";

/// Where they tell each other that they have taken a database: `?db=<name>&epoch=<its last owner's>`.
pub const MOVED_PATH: &str = "/cluster/moved";

/// Bytes of one database that is left to another hub: what is longer would make its clients wait for longer than it
/// takes them to begin anew.
pub const MAX_ESTATE: usize = 64 * 1024 * 1024;

/// How long a database may take to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(2);

/// Where they report how a client has ended: `?passage=<number>&loss=<word>`.
pub const LOSS_PATH: &str = "/cluster/loss";

/// Whether a request says that it is another hub's.
pub fn is_claimed<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(credentials::HEADER)
}

/// Answers a request that says that it is another hub's. `from`: whoever has sent it.
pub async fn answer(
    request: Request<Incoming>,
    from: SocketAddr,
    cluster: &Arc<Cluster>,
    context: &Arc<Context>,
) -> Reply {
    let vouched = match check(&request, cluster) {
        Ok(vouched) => vouched,
        Err(why) => return refuse(from, &request, why, context),
    };
    let path = request.uri().path();
    let text = request.uri().query().unwrap_or_default();
    match (path, request.method()) {
        (ENGINE_PATH, &Method::GET) => return reply::text(StatusCode::OK, cluster.registry.engine().name()),
        (OWNER_PATH, &Method::GET) => return tell_owner(text, cluster),
        (LOSS_PATH, &Method::POST) => return report(text, &vouched, cluster),
        (HEIR_PATH, &Method::GET) => return may_inherit(cluster, context),
        (ESTATE_PATH, &Method::POST) => return take_estate(request, &vouched, cluster, context).await,
        (MOVED_PATH, &Method::POST) => return hear_moved(text, cluster),
        _ => {}
    }
    let about = || is_about_parameter(path).then(|| query::parameter(text, "db"));
    let asked = query::split_path(path).or_else(|| Some((about()??, path)));
    let Some((db, action)) = asked else { return reply::not_found() };
    if !matches!(cluster.registry.look(&db), Whereabouts::Here { .. }) {
        return reply::closing(StatusCode::MISDIRECTED_REQUEST, "421 This hub has not got the database");
    }
    let query = Query::parse(text);
    let client = client(&vouched, from);
    match (action, request.method()) {
        ("connect", &Method::GET) => passed_on(request, &vouched, client, &db, cluster, context).await,
        ("send", &Method::POST) => local::take_message(request, client, &db, &query, context).await,
        ("receive", &Method::GET) => local::hand_out(&db, &query, context),
        ("clients", &Method::GET) => local::list_clients(&db, context),
        (local::KICK_PATH | local::TRACE_PATH, &Method::POST) => {
            local::operate(action, &db, query::parameter(text, "client"), context)
        }
        (status::STATUS_PATH, &Method::GET) => status::told(text, context),
        (status::READINESS_PATH, &Method::GET) => status::readiness(text, request.headers(), context),
        _ => reply::not_found(),
    }
}

/// Whether the database is in the query, not in the path.
fn is_about_parameter(path: &str) -> bool {
    matches!(path, status::STATUS_PATH | status::READINESS_PATH | local::KICK_PATH | local::TRACE_PATH)
}

/// A client that the other hub has admitted.
async fn passed_on(
    mut request: Request<Incoming>,
    vouched: &Vouched,
    client: SocketAddr,
    db: &str,
    cluster: &Cluster,
    context: &Arc<Context>,
) -> Reply {
    let passage = cluster.relay.passages.begin(&vouched.hub, client);
    let number = HeaderValue::from(passage.number());
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let wishes = match Wishes::of(&request, Whose::Passed(passage), client, db, &query, context) {
        Ok(wishes) => wishes,
        Err(refusal) => return entry::refuse(client, db, &refusal, context).await,
    };
    let reply = match Upgrade::accept(&mut request) {
        Ok((upgrade, response)) => entry::enter(upgrade, response, wishes, db, context).await,
        Err(refusal) => *refusal,
    };
    reply::with(reply, PASSAGE, number)
}

fn check<B>(request: &Request<B>, cluster: &Cluster) -> Result<Vouched, NotVouched> {
    let mut lines = request.headers().get_all(credentials::HEADER).into_iter();
    let value = lines.next().filter(|_| lines.next().is_none()).and_then(|value| value.to_str().ok());
    let value = value.ok_or(NotVouched::Malformed)?;
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    cluster.credentials.check(clock::unix_millis(), value, request.method().as_str(), target)
}

/// The other hub knows by this header that it is meant, and not its client.
fn refuse<B>(from: SocketAddr, request: &Request<B>, why: NotVouched, context: &Context) -> Reply {
    let db = query::split_path(request.uri().path()).map(|(db, _)| db).unwrap_or_default();
    context.tell_refused(from, &db, StatusCode::FORBIDDEN, "hub");
    let reply = reply::closing(StatusCode::FORBIDDEN, format!("403 Not a hub of this cluster: {why}"));
    reply::with(reply, HeaderName::from_static(credentials::HEADER), HeaderValue::from_static("refused"))
}

/// Whose the request is. The loopback addresses of another machine are not this one's: without a port nobody looks for
/// a process here.
fn client(vouched: &Vouched, from: SocketAddr) -> SocketAddr {
    match vouched.client {
        Some(client) if client.ip().is_loopback() && !from.ip().is_loopback() => SocketAddr::new(client.ip(), 0),
        Some(client) => client,
        None => from,
    }
}

fn report(text: &str, vouched: &Vouched, cluster: &Cluster) -> Reply {
    let number = query::parameter(text, "passage").and_then(|number| number.parse().ok());
    let loss = [Loss::Fin, Loss::Reset]
        .into_iter()
        .find(|loss| query::parameter(text, "loss").is_some_and(|word| word == loss.label()));
    match (number, loss) {
        (Some(number), Some(loss)) if cluster.relay.passages.report(number, &vouched.hub, loss) => {
            reply::text(StatusCode::OK, "ok")
        }
        _ => reply::not_found(),
    }
}

/// Who has a database, as far as this hub knows: nothing is asked for.
fn tell_owner(text: &str, cluster: &Cluster) -> Reply {
    let Some(db) = query::parameter(text, "db") else { return reply::not_found() };
    let owner = match cluster.registry.peek(&db) {
        Some(Whereabouts::Here { epoch }) => cluster.registry.me().as_owner(epoch),
        Some(Whereabouts::At(owner)) => owner,
        Some(Whereabouts::Nobody(_)) | None => return reply::not_found(),
    };
    match serde_json::to_vec(&owner) {
        Ok(owner) => reply::json(owner),
        Err(_) => reply::not_found(),
    }
}

/// Whether a database may be left to this hub.
fn may_inherit(cluster: &Cluster, context: &Context) -> Reply {
    if context.shutdown.is_cancelled() || cluster.registry.engine() != EngineState::Up {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, "503 This hub stops, or does not reach the engine");
    }
    reply::text(StatusCode::OK, "yes")
}

/// An owner leaves a database to this hub. It is answered when that has it, or will not.
async fn take_estate(
    request: Request<Incoming>,
    vouched: &Vouched,
    cluster: &Arc<Cluster>,
    context: &Arc<Context>,
) -> Reply {
    let Some(lease) = lease(request.uri().query().unwrap_or_default()) else { return reply::not_found() };
    let _room = match cluster.arrivals.try_acquire() {
        Ok(room) if !context.shutdown.is_cancelled() => room,
        _ => return reply::closing(StatusCode::SERVICE_UNAVAILABLE, "503 This hub stops, or has no room"),
    };
    let bytes = match body::read_bytes(request.into_body(), MAX_ESTATE, ARRIVAL_LIMIT).await {
        Ok(bytes) => bytes,
        Err(refusal) => return refusal,
    };
    let frozen = match cluster.packing.unpack(&bytes) {
        Ok(frozen) => frozen,
        Err(error) => return reply::text(StatusCode::UNPROCESSABLE_ENTITY, format!("422 {error}")),
    };
    drop(bytes);
    let from = Member { name: vouched.hub.clone(), address: String::new(), life: String::new() };
    match cluster.registry.take(Estate { lease, from, frozen }).await {
        Ok(epoch) => reply::text(StatusCode::OK, epoch.to_string()),
        Err(why) => reply::text(StatusCode::CONFLICT, format!("409 {why}")),
    }
}

fn hear_moved(text: &str, cluster: &Cluster) -> Reply {
    let Some((db, epoch)) = lease(text) else { return reply::not_found() };
    cluster.registry.has_moved(&db, epoch);
    reply::text(StatusCode::OK, "ok")
}

fn lease(text: &str) -> Option<Lease> {
    Some((query::parameter(text, "db")?.into(), query::parameter(text, "epoch")?.parse().ok()?))
}
