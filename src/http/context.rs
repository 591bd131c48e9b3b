//! What every request may need: the hub, the rules of access, the limits. Decides only what follows from several of
//! these.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::{HeaderMap, StatusCode};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    access::{Access, Sight},
    departure::Departure,
    remote::{self, Proxies},
};
use crate::{
    cluster::{Cluster, Whereabouts},
    hub::{
        Hub,
        event::{Event, Observer, Refusal},
    },
    observe::Watch,
    protocol::query::{self, Query},
    session::{Limits, Sessions},
};

/// What every request may need.
pub struct Context {
    /// The post office.
    pub hub: Arc<Hub>,
    /// Who may come in.
    pub access: Access,
    /// Who may say for whom a request is.
    pub proxies: Proxies,
    /// Limits of WebSocket sessions.
    pub limits: Limits,
    /// `limits.max_payload` of those who cannot POST, in UTF-16 units: their TLS has ended at a proxy, or their path
    /// has characters that are not sent.
    pub max_payload_without_post: usize,
    /// Most bytes of a request's head.
    pub max_header_size: usize,
    /// How long a request's head may take.
    pub handshake_timeout: Duration,
    /// `GET /:db/send` is allowed where a token is asked for (NODE_ENV=development).
    pub development: bool,
    /// How long what is under way may take when a database goes to another hub.
    pub drain_timeout: Duration,
    /// Told of refusals and faults, and asked how things have gone.
    pub watch: Arc<Watch>,
    /// The live page is served.
    pub dashboard: bool,
    /// Cancelled when the server stops.
    pub shutdown: CancellationToken,
    /// What becomes of connections when it stops.
    pub departure: Arc<Departure>,
    /// All tasks of connections that are no sessions (yet), so that a stop can wait for them.
    pub tasks: TaskTracker,
    /// Where sessions begin.
    pub sessions: Arc<Sessions>,
    /// The other hubs, where this is one of several.
    pub cluster: Option<Arc<Cluster>>,
}

impl Context {
    /// For whoever only has something to report.
    pub fn observer(&self) -> Arc<dyn Observer> {
        self.watch.clone()
    }

    /// Limits of the session that a request begins. Who cannot POST is told to send all over the socket.
    pub(super) fn limits_of(&self, headers: &HeaderMap, db: &str, query: &Query) -> Limits {
        let token = query.token.as_deref().unwrap_or_default();
        if remote::came_over_tls(headers) || !query::can_be_posted(db, token) {
            Limits { max_payload: self.max_payload_without_post, ..self.limits.clone() }
        } else {
            self.limits.clone()
        }
    }

    /// Is there a `GET /:db/send` for this database? Any page can make a browser send a GET: a token must be asked for.
    pub(super) fn sends_from_query(&self, db: &str) -> bool {
        self.development && self.access.asks_token(Sight::Database(db))
    }

    /// A client has just come in. Where the database was lost meanwhile, it is sent away with all others: the registry
    /// knew that before the others were.
    pub(super) fn close_if_moved(&self, db: &str) {
        let Some(cluster) = &self.cluster else { return };
        if !matches!(cluster.registry.look(db), Whereabouts::Here { .. }) {
            self.hub.close_database(db);
        }
    }

    /// Somebody speaks TLS where plain HTTP is spoken.
    pub(super) fn tell_tls_on_plain_port(&self, from: SocketAddr) {
        let advice = "Clients must not use ssl: true, unless the server has a certificate (ssl)";
        let message = format!("TLS was spoken to the plain port by {from}. {advice}");
        self.watch.event_of_stranger(Some(from.ip()), Event::Warning { code: "tls-on-plain-port", message });
    }

    /// `remote`: who was refused.
    pub(super) fn tell_refused(&self, remote: SocketAddr, db: &str, status: StatusCode, reason: &'static str) {
        let db = query::shortened(db).into();
        let process = self.watch.process_at(remote);
        let refusal = Refusal { db, status: status.as_u16(), reason, remote, process, left_out: 0 };
        self.watch.event_of_stranger(Some(remote.ip()), Event::Refused(refusal));
    }
}
