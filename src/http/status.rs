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
    observe::{
        metrics,
        page::{self, Asset},
        report::Question,
    },
    protocol::query,
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
            "/status.json" => Some(Self::Status),
            "/metrics" => Some(Self::Metrics),
            "/healthz" => Some(Self::Health),
            "/readyz" => Some(Self::Readiness),
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
    let mut reply = admitted(target, request, context);
    reply.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Some(reply)
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
        Target::Readiness => readiness(query, context),
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
    let number = |name| query::parameter(query, name).and_then(|number| number.parse().ok());
    let since = query::parameter(query, "since").and_then(|since| since.parse().ok()).unwrap_or_default();
    let question = Question { db, since, limit: number("limit") };
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

/// Ready: not stopping; and for a database, where one is named, a master is there. Needs no token, as probes have none.
fn readiness(query: &str, context: &Context) -> Reply {
    if context.shutdown.is_cancelled() {
        return not_ready("503 The server is stopping");
    }
    match query::parameter(query, "db") {
        Some(db) if !context.hub.status(&db).is_some_and(|status| status.master_present) => {
            not_ready("503 No AceBase master is connected for this database")
        }
        _ => reply::text(StatusCode::OK, "ready"),
    }
}

fn not_ready(reason: &'static str) -> Reply {
    reply::text(StatusCode::SERVICE_UNAVAILABLE, reason)
}
