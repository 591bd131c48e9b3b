//! What one hub asks of another: requests on behalf of a client, without what the client has shown, and with what hubs
//! know each other by.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Body,
    header::{self, HeaderName, HeaderValue},
    http::request::Builder,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::timeout;

use super::super::inside::{LOSS_PATH, PASSAGE};
use crate::{
    clock,
    cluster::{
        Cluster, Member, Owner, credentials,
        relay::{
            course::Miss,
            dial::Line,
            errand::{self, Failed, Opened},
        },
    },
    hub::coordinator::Loss,
};

/// By this header the owner knows that a client cannot POST, and must be told to send all over its socket.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How long an owner may take for its answer to a client's upgrade. It may have to find out first whether the client
/// may come in, which takes a few seconds; one that stands still is noticed otherwise, by its lease.
const OPEN_LIMIT: Duration = Duration::from_secs(15);

/// How long an owner may take to hear how a client has ended: its connection waits for that.
const REPORT_LIMIT: Duration = Duration::from_secs(1);

/// Bytes of an answer of a few words.
const MAX_WORDS: usize = 1024;

/// The version of the WebSocket protocol: RFC 6455's.
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// A client's request for an upgrade, as it is made to owners.
#[derive(Clone)]
pub struct Call {
    /// Path and query, without the token.
    pub target: String,
    /// Whose it is.
    pub remote: SocketAddr,
    /// The client's `Sec-WebSocket-Key`.
    pub key: Option<HeaderValue>,
    /// The client cannot POST to this hub.
    pub cannot_post: bool,
}

/// A client's connection, through to its database's owner.
pub struct Through {
    /// To the owner.
    pub line: Line,
    /// What the owner has said already.
    pub ahead: Bytes,
    /// What the owner calls the connection.
    pub passage: Option<u64>,
}

/// What has become of a call.
pub enum Called {
    /// The owner has taken the client in.
    Through(Through),
    /// It has not: what it says to the client.
    Refused(Response<Bytes>),
    /// Nothing that concerns the client.
    Missed(Miss, Missed),
}

/// Why an owner was missed, for the server's owner.
pub enum Missed {
    /// Nothing needs to be said.
    Quietly,
    /// The other hub does not believe that this is one.
    Disowned(String),
    /// It was not reached.
    Unreached(String),
}

/// A path and a query, of a database, without the token.
pub fn target(db: &str, action: &str, query: &str) -> String {
    let db = utf8_percent_encode(db, NON_ALPHANUMERIC);
    format!("/{db}/{action}?{}", without_token(query))
}

/// The path of what an operator does to a database, or to one client of it.
pub fn deed(path: &str, db: &str, client: Option<&str>) -> String {
    let db = utf8_percent_encode(db, NON_ALPHANUMERIC);
    let client = client.map(|client| format!("&client={}", utf8_percent_encode(client, NON_ALPHANUMERIC)));
    format!("{path}?db={db}{}", client.unwrap_or_default())
}

/// A path of hubs' own, about a database under an epoch.
pub fn about(path: &str, db: &str, epoch: u64) -> String {
    format!("{path}?db={}&epoch={epoch}", utf8_percent_encode(db, NON_ALPHANUMERIC))
}

/// A query, without the token.
pub fn without_token(query: &str) -> String {
    let kept: Vec<_> = query.split('&').filter(|pair| !(*pair == "t" || pair.starts_with("t="))).collect();
    kept.join("&")
}

/// Asks an owner to take a client in.
pub async fn open(call: &Call, owner: &Owner, cluster: &Cluster) -> Called {
    let mut request = begin(Method::GET, &call.target, Some(call.remote), owner, cluster)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, VERSION);
    if let Some(key) = &call.key {
        request = request.header(header::SEC_WEBSOCKET_KEY, key);
    }
    if call.cannot_post {
        request = request.header(X_FORWARDED_PROTO, "https");
    }
    let opening = async {
        let request = request.body(Empty::<Bytes>::new())?;
        errand::open(cluster.relay.dialer.dial(&owner.address).await?, request).await
    };
    match in_time(OPEN_LIMIT, opening).await {
        Ok(Opened::Through { line, ahead, head }) => {
            Called::Through(Through { line, ahead, passage: number(head.headers()) })
        }
        Ok(Opened::Answered(answer)) => judge(answer),
        Err(error) => Called::Missed(Miss::Unreachable, Missed::Unreached(error.to_string())),
    }
}

/// What an owner's answer that is no upgrade means.
fn judge(answer: Response<Bytes>) -> Called {
    match answer.status() {
        StatusCode::MISDIRECTED_REQUEST => Called::Missed(Miss::NotOwner, Missed::Quietly),
        StatusCode::SERVICE_UNAVAILABLE => Called::Missed(Miss::Busy, Missed::Quietly),
        _ if is_disowned(&answer) => Called::Missed(Miss::Unreachable, Missed::Disowned(words(&answer))),
        _ => Called::Refused(answer),
    }
}

/// The other hub does not believe that this is one of its cluster.
pub fn is_disowned(answer: &Response<Bytes>) -> bool {
    answer.headers().contains_key(credentials::HEADER)
}

/// What an answer says.
pub fn words(answer: &Response<Bytes>) -> String {
    String::from_utf8_lossy(answer.body()).into_owned()
}

/// Asks another hub something on this one's own behalf. `limit` and `max` as in [`ask`].
///
/// # Errors
/// There was no answer.
pub async fn ask_hub<B>(
    member: &Member,
    method: Method,
    target: &str,
    body: B,
    cluster: &Cluster,
    limit: Duration,
    max: usize,
) -> Result<Response<Bytes>, Failed>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failed>,
{
    // On this hub's own behalf, and of no database.
    let hub = member.as_owner(0);
    let request = begin(method, target, None, &hub, cluster).body(body)?;
    ask(request, &hub, cluster, limit, max).await
}

/// Sends a request to an owner. `limit`: how long its answer may take; `max`: how many bytes that may have.
///
/// # Errors
/// There was no answer.
pub async fn ask<B>(
    request: Request<B>,
    owner: &Owner,
    cluster: &Cluster,
    limit: Duration,
    max: usize,
) -> Result<Response<Bytes>, Failed>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Failed>,
{
    in_time(limit, async { errand::ask(cluster.relay.dialer.dial(&owner.address).await?, request, max).await }).await
}

/// Tells an owner how a client has ended, so that it does not believe that this hub has lost it.
pub async fn report(loss: Loss, passage: u64, owner: &Owner, cluster: &Cluster) {
    let target = format!("{LOSS_PATH}?passage={passage}&loss={}", loss.label());
    let request = begin(Method::POST, &target, None, owner, cluster).body(Empty::<Bytes>::new());
    // Where it does not arrive, the client counts as one that cannot be reached.
    if let Ok(request) = request {
        let _ = ask(request, owner, cluster, REPORT_LIMIT, MAX_WORDS).await;
    }
}

/// The beginning of a request to an owner. `client`: on whose behalf it is.
pub fn begin(method: Method, target: &str, client: Option<SocketAddr>, owner: &Owner, cluster: &Cluster) -> Builder {
    let signature = cluster.credentials.sign(clock::unix_millis(), method.as_str(), target, client);
    Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, &owner.address)
        .header(credentials::HEADER, signature)
}

fn number(headers: &HeaderMap) -> Option<u64> {
    headers.get(PASSAGE)?.to_str().ok()?.parse().ok()
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_here() {
        for (query, kept) in [
            ("v=1.0.0&id=[master]&t=secret", "v=1.0.0&id=[master]"),
            ("t=secret&v=1.0.0&t", "v=1.0.0"),
            ("v=1.0.0&reliable=1&life=abc&t=a=b", "v=1.0.0&reliable=1&life=abc"),
            ("", ""),
        ] {
            assert_eq!(target("mydb", "connect", query), format!("/mydb/connect?{kept}"));
        }
        assert_eq!(target("../x y", "send", "id=a"), "/%2E%2E%2Fx%20y/send?id=a");
    }
}
