//! The server's own pages beside the protocol's routes: how it is, for people (`/`), scripts (`/status.json`),
//! Prometheus (`/metrics`) and orchestrators (`/healthz`, `/readyz`). The protocol's routes have two segments, these
//! have one.

use hyper::{
    HeaderMap, Method, Request, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use super::{
    Context,
    access::{Access, Sight},
    reply::{self, Reply},
};
use crate::{
    acebase::Trouble,
    cluster::{Cluster, EngineState, Whereabouts},
    observe::{
        metrics,
        page::{self, Asset},
        report::Question,
    },
    protocol::{printable::printable, query},
};

/// Headers of all these answers: they are not to be cached, framed, sniffed for another type, or read by a page of
/// another origin.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, page::CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where it is told how things stand.
pub const STATUS_PATH: &str = "/status.json";

/// Where it is told whether clients may be sent here.
pub const READINESS_PATH: &str = "/readyz";

/// What to do where the engine has not answered since this hub was started.
const ADVICE: &str = "It is asked until it answers. Is cluster.engine its address, is it reached from this machine, and \
                      does it take the user and password? Over TLS: is the authority of its certificate trusted here?";

/// To whoever may not know where the engine is.
const TOLD_ELSEWHERE: &str = "the log and /status.json say why, as does this page with the token";

/// What is asked for.
#[derive(Clone, Copy)]
enum Target {
    Status,
    Metrics,
    Health,
    Readiness,
    Page(Asset),
}

impl Target {
    fn of(path: &str, context: &Context) -> Option<Self> {
        match path {
            STATUS_PATH => Some(Self::Status),
            "/metrics" => Some(Self::Metrics),
            "/healthz" => Some(Self::Health),
            READINESS_PATH => Some(Self::Readiness),
            path => page::asset(path).filter(|_| context.dashboard).map(Self::Page),
        }
    }

    /// Health checks are asked from anywhere, and tell one word.
    fn allows_page(self, access: &Access, headers: &HeaderMap) -> bool {
        match self {
            Self::Health | Self::Readiness => access.allows_own_origin(headers),
            Self::Status | Self::Metrics | Self::Page(_) => access.allows_own_page(headers),
        }
    }
}

/// The answer to a request for one of these; `None`: it is for something else.
pub fn answer<B>(request: &Request<B>, context: &Context) -> Option<Reply> {
    let target = Target::of(request.uri().path(), context)?;
    Some(dressed(admitted(target, request, context)))
}

/// An answer with the headers of all these.
pub fn dressed(mut reply: Reply) -> Reply {
    reply.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    reply
}

/// Is this a question about a database, of somebody who may ask it? Whether a master is there anybody may, unless the
/// server stops: then that is the answer.
pub fn may_ask<B>(request: &Request<B>, db: &str, context: &Context) -> bool {
    let (headers, sight) = (request.headers(), Sight::Database(db));
    let allows_page = |target: Target| target.allows_page(&context.access, headers);
    *request.method() == Method::GET
        && match request.uri().path() {
            READINESS_PATH => allows_page(Target::Readiness) && !context.shutdown.is_cancelled(),
            STATUS_PATH => {
                let query = request.uri().query().unwrap_or_default();
                allows_page(Target::Status)
                    && context.access.allows_host(sight, headers)
                    && may_look(sight, query, headers, context)
            }
            _ => false,
        }
}

fn admitted<B>(target: Target, request: &Request<B>, context: &Context) -> Reply {
    let (access, headers) = (&context.access, request.headers());
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return reply::method_not_allowed("GET, HEAD");
    }
    if !target.allows_page(access, headers) {
        return reply::foreign_page();
    }
    let query = request.uri().query().unwrap_or_default();
    match target {
        Target::Health => reply::text(StatusCode::OK, "ok"),
        Target::Readiness => readiness(query, headers, context),
        Target::Page(_) | Target::Metrics if !access.allows_host(Sight::Server, headers) => reply::foreign_host(),
        Target::Page(asset) => reply::content(asset.content_type, asset.content),
        Target::Status => status(query, headers, context),
        Target::Metrics => metrics(query, headers, context),
    }
}

fn status(query: &str, headers: &HeaderMap, context: &Context) -> Reply {
    let db = query::parameter(query, "db");
    let sight = db.as_deref().map_or(Sight::Server, Sight::Database);
    if !context.access.allows_host(sight, headers) {
        return reply::foreign_host();
    }
    if !may_look(sight, query, headers, context) {
        return reply::unauthorized();
    }
    told(query, context)
}

/// The answer to who may see it.
pub fn told(query: &str, context: &Context) -> Reply {
    let db = query::parameter(query, "db");
    let number = |name| query::parameter(query, name).and_then(|number| number.parse().ok());
    let since = query::parameter(query, "since").and_then(|since| since.parse().ok()).unwrap_or_default();
    let max_wait = query::parameter(query, "maxWait").and_then(|limit| limit.parse().ok());
    let question = Question { db, since, limit: number("limit"), max_wait };
    reply::json(context.watch.status_json(&context.hub, &question, context.shutdown.is_cancelled()))
}

fn metrics(query: &str, headers: &HeaderMap, context: &Context) -> Reply {
    if !may_look(Sight::Server, query, headers, context) {
        return reply::unauthorized();
    }
    reply::content(metrics::CONTENT_TYPE, context.watch.metrics(&context.hub, context.shutdown.is_cancelled()))
}

fn may_look(sight: Sight<'_>, query: &str, headers: &HeaderMap, context: &Context) -> bool {
    context.access.allows_look(sight, query::parameter(query, "t").as_deref(), headers)
}

/// Ready: not stopping; the engine has answered, where this is one of several hubs; and for a database, where one is
/// named, a master is there. Needs no token, as probes have none: of the troubles of that database it tells the kinds,
/// and the rest only to those who may look; so it is with what the engine says, which has addresses.
pub fn readiness(query: &str, headers: &HeaderMap, context: &Context) -> Reply {
    if context.shutdown.is_cancelled() {
        return not_ready("503 The server is stopping".to_owned());
    }
    let may_see = |sight| {
        context.access.allows_host(sight, headers)
            && context.access.allows_own_page(headers)
            && may_look(sight, query, headers, context)
    };
    let engine = match context.cluster.as_ref().map(|cluster| readiness_of(cluster, || may_see(Sight::Server))) {
        Some(Err(reason)) => return not_ready(reason),
        Some(Ok(told)) => told,
        None => String::new(),
    };
    let Some(db) = query::parameter(query, "db") else {
        return reply::text(StatusCode::OK, format!("ready{engine}"));
    };
    let may_look = may_see(Sight::Database(&db));
    let troubles = context.watch.troubles(&context.hub, Some(&db), None, false);
    let tell = |trouble: &Trouble| {
        let (kind, seconds) = (trouble.kind.name(), trouble.age / 1_000);
        let text =
            if may_look { format!("{kind}: {}", printable(&trouble.text)) } else { format!("{kind}, {seconds} s") };
        format!("\n{text}")
    };
    let told: String = troubles.iter().map(tell).collect();
    if context.hub.status(&db).is_some_and(|status| status.master_present) {
        reply::text(StatusCode::OK, format!("ready{told}{engine}"))
    } else {
        not_ready(format!("503 No AceBase master is connected for this database{told}"))
    }
}

/// One of several hubs is ready as soon as the engine has told it which databases are whose, or where it has some from
/// the process before it. An engine that is down later is no reason to send clients elsewhere: databases stay where
/// they are. `may_see`: whoever asks may know where the engine is.
fn readiness_of(cluster: &Cluster, may_see: impl Fn() -> bool) -> Result<String, String> {
    let engine = cluster.registry.engine_in_words();
    let seconds = engine.since.map_or(0, |since| since.elapsed().as_secs());
    let has_some = || cluster.registry.rows().iter().any(|row| matches!(row.whereabouts, Whereabouts::Here { .. }));
    match engine.state {
        EngineState::Up => Ok("\nengine: up".to_owned()),
        _ if engine.has_answered || has_some() => Ok(format!("\nengine: down, {seconds} s")),
        _ => {
            let reason = engine.fault.as_ref().map(|fault| {
                let fault = if may_see() { printable(fault) } else { TOLD_ELSEWHERE.into() };
                format!("\nengine: down, {seconds} s: {fault}\n{ADVICE}")
            });
            let reason = reason.unwrap_or_default();
            Err(format!("503 The engine of the cluster has not answered yet: no database is served{reason}"))
        }
    }
}

fn not_ready(reason: String) -> Reply {
    reply::text(StatusCode::SERVICE_UNAVAILABLE, reason)
}
