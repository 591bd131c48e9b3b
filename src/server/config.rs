//! All settings of a server, with their defaults, as its owner writes them in JSON: each under the name of its option,
//! in milliseconds and bytes. Whoever takes them from a person checks them first, and explains better what is wrong.

mod json;

use std::{collections::HashMap, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::json::BadOption;
pub use crate::http::access::Secret;
use crate::{
    cluster::ClusterConfig,
    coordination::CoordinationConfig,
    http::access::{Tokens, Unlisted},
    keeper::Launch,
    observe::trouble::Thresholds,
    tls::TlsOptions,
};

/// The original's. AceBase's processes have it as their default, too.
pub const DEFAULT_PORT: u16 = 9163;

/// 16 KiB, in UTF-16 units: the original's. Clients POST what is longer.
pub const DEFAULT_MAX_PAYLOAD: usize = 16 * 1024;

/// 100 MiB, in bytes: the largest frame that the published clients read (`ws` refuses more).
pub const DEFAULT_MAX_MESSAGE_SIZE: usize = 100 * 1024 * 1024;

/// 128 MiB, in bytes, for each peer: one largest message, and some seconds of a busy cluster's traffic.
pub const DEFAULT_MAX_QUEUE: usize = 128 * 1024 * 1024;

/// 512 MiB, in bytes, of all peers together: three of the largest messages at a time, one of one client's (see
/// [`crate::unfinished`]). Those that come meanwhile wait, and a process of some GiB has room for what is finished,
/// too.
pub const DEFAULT_MAX_UNFINISHED: usize = 512 * 1024 * 1024;

/// Connections at once. More than a cluster has, fewer than would use up a common limit of 64 Ki descriptors.
pub const DEFAULT_MAX_CONNECTIONS: usize = 60_000;

/// 16 KiB, in bytes: a request's head. Clients send about 300.
pub const DEFAULT_MAX_HEADER_SIZE: usize = 16 * 1024;

/// How long TLS and a request's head may take: clients need a few round trips, and may be busy starting up.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Idle time before TCP asks whether the other host is alive. A dead one is found in twice that.
pub const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long sent data may stay unacknowledged before the connection counts as dead.
pub const DEFAULT_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a stop waits for outboxes to be sent. With the closing handshake it stays below 2 s.
pub const DEFAULT_FLUSH_TIMEOUT: Duration = Duration::from_millis(1_000);

/// How long a stop that closes connections waits for locks to be returned. Most writes of AceBase take milliseconds,
/// and a client gives up after ten seconds without an answer.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Runtime threads. One: a second gains nothing in questions and answers, which are what AceBase asks, and takes a core
/// from the database's own processes. Large fan-outs do gain from it (see docs/performance.md).
pub const DEFAULT_THREADS: usize = 1;

/// What becomes of messages that are longer than `maxPayload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LargeMessages {
    /// Sent whole over the socket: the published clients read frames of 100 MiB.
    #[default]
    Push,
    /// Announced with `get:`, fetched from `/receive`: the original's way, which the published clients cannot go.
    Download,
}

/// A server's settings. Read from JSON with [`Config::from_json`]; written as JSON, the secrets are left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Where to listen. `None`: all interfaces; `localhost`: both loopbacks; else a name or an address.
    pub host: Option<String>,
    /// The port; 0: any free one.
    pub port: u16,
    /// Keep the port open while the server restarts, and how to start what does so. Needs a fixed port.
    pub keep_port: Option<Launch>,
    /// Write down what happens, so that the next server goes on with the connections of this one, should it be killed.
    /// Needs `keep_port`, Linux and plain connections; has no effect elsewhere, which is told.
    pub survive_crash: bool,
    /// Certificate and key, for TLS.
    #[serde(rename = "ssl", deserialize_with = "json::tls", serialize_with = "json::absent")]
    pub tls: Option<TlsOptions>,
    /// Longest text of one frame, in UTF-16 units. `None`: the default, or over TLS `max_message_size`.
    pub max_payload: Option<usize>,
    /// What clients must know.
    #[serde(deserialize_with = "json::secret", serialize_with = "json::absent")]
    pub token: Option<Secret>,
    /// More tokens that are as good, so that a token can be replaced while clients know the old one.
    #[serde(deserialize_with = "json::secrets", serialize_with = "json::absent")]
    pub tokens: Vec<Secret>,
    /// Tokens of single databases. A database that has some takes no others, and with an empty list nobody.
    #[serde(deserialize_with = "json::secrets_by_name", serialize_with = "json::absent")]
    pub database_tokens: Option<HashMap<String, Vec<Secret>>>,
    /// What becomes of databases that are not named there. `None`: they are refused where there are tokens of single
    /// databases and none for the others.
    #[serde(deserialize_with = "json::unlisted", serialize_with = "json::absent")]
    pub unlisted_databases: Option<Unlisted>,
    /// Longest message in bytes, however it comes.
    pub max_message_size: usize,
    /// Bytes that may wait for one peer.
    pub max_queue: usize,
    /// Bytes that all peers together may have begun and not finished.
    pub max_unfinished: usize,
    /// Makes this one of several hubs.
    #[serde(deserialize_with = "json::cluster", serialize_with = "json::absent")]
    pub cluster: Option<ClusterConfig>,
    /// Connections at once.
    pub max_connections: usize,
    /// Bytes of a request's head.
    pub max_header_size: usize,
    /// How long TLS and a request's head may take, each.
    #[serde(with = "json::millis")]
    pub handshake_timeout: Duration,
    /// Idle time before TCP asks whether the other host is alive; 0: never.
    #[serde(with = "json::millis")]
    pub keep_alive: Duration,
    /// How long sent data may stay unacknowledged; 0: as long as the system says.
    #[serde(with = "json::millis")]
    pub user_timeout: Duration,
    /// How long a stop waits for outboxes to be sent.
    #[serde(with = "json::millis")]
    pub flush_timeout: Duration,
    /// How long a stop that closes connections waits at most until locks are returned and the master has answered.
    #[serde(with = "json::millis")]
    pub drain_timeout: Duration,
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// Runtime threads.
    pub threads: usize,
    /// Push or announce large messages.
    pub large_messages: LargeMessages,
    /// Web pages' origins that may connect.
    pub allowed_origins: Vec<String>,
    /// Proxies that are believed when they say for whom a request is.
    #[serde(with = "json::networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// What is done for AceBase peers beyond carrying their mail.
    #[serde(flatten)]
    pub coordination: CoordinationConfig,
    /// From when on something is trouble.
    #[serde(flatten)]
    pub trouble: Thresholds,
    /// The live page is served at `/`.
    pub dashboard: bool,
    /// `GET /:db/send` is allowed where a token is asked for (NODE_ENV=development).
    pub development: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            port: DEFAULT_PORT,
            keep_port: None,
            survive_crash: false,
            tls: None,
            max_payload: None,
            token: None,
            tokens: Vec::new(),
            database_tokens: None,
            unlisted_databases: None,
            max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
            max_queue: DEFAULT_MAX_QUEUE,
            max_unfinished: DEFAULT_MAX_UNFINISHED,
            cluster: None,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_header_size: DEFAULT_MAX_HEADER_SIZE,
            handshake_timeout: DEFAULT_HANDSHAKE_TIMEOUT,
            keep_alive: DEFAULT_KEEP_ALIVE,
            user_timeout: DEFAULT_USER_TIMEOUT,
            flush_timeout: DEFAULT_FLUSH_TIMEOUT,
            drain_timeout: DEFAULT_DRAIN_TIMEOUT,
            no_delay: true,
            threads: DEFAULT_THREADS,
            large_messages: LargeMessages::default(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            coordination: CoordinationConfig::default(),
            trouble: Thresholds::default(),
            dashboard: true,
            development: false,
        }
    }
}

impl Config {
    /// Reads settings from a JSON object. What it does not name is the default.
    ///
    /// # Errors
    /// Which option is not known, or not what it must be.
    pub fn from_json(text: &str) -> Result<Self, BadOption> {
        json::read(text)
    }

    /// Longest text that is not a large message, in UTF-16 units.
    pub fn effective_max_payload(&self) -> usize {
        self.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD)
    }

    /// All tokens.
    pub fn access_tokens(&self) -> Tokens {
        let general: Vec<_> = self.token.iter().chain(&self.tokens).cloned().collect();
        let are_forgotten = self.database_tokens.is_some() && general.is_empty();
        let unlisted = if are_forgotten { Unlisted::Refuse } else { Unlisted::Allow };
        Tokens {
            general,
            of_databases: self.database_tokens.clone().unwrap_or_default(),
            unlisted: self.unlisted_databases.unwrap_or(unlisted),
        }
    }

    /// What `welcome:` announces to those who come straight to the server.
    pub fn announced_max_payload(&self) -> usize {
        if self.tls.is_some() { self.max_payload_without_post() } else { self.effective_max_payload() }
    }

    /// What `welcome:` announces over TLS, wherever that ends. Clients must never POST there, since they would do it
    /// in plain HTTP.
    pub fn max_payload_without_post(&self) -> usize {
        self.max_payload.unwrap_or(self.max_message_size)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// JavaScript's table of options, as `npm run document-options` has written it down.
    const DEFAULTS: &str = include_str!("config/defaults.json");

    #[test]
    fn there_is_a_setting_for_every_option_and_no_other_and_their_defaults_are_the_same() {
        let table: Value = serde_json::from_str(DEFAULTS).unwrap();
        assert_eq!(serde_json::to_value(Config::default()).unwrap(), table);
    }
}
