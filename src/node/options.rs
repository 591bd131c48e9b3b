//! The configuration, from JavaScript's words to the server's. JavaScript has validated it already: what is refused here
//! would be a defect there.

use std::{collections::HashMap, time::Duration};

use ipnet::IpNet;
use napi::{Error, Status, bindgen_prelude::Result};
use napi_derive::napi;

use super::keeper::NativeLaunch;
use crate::{
    clock::millis,
    coordination::CoordinationConfig,
    http::{access::Unlisted, remote},
    server::config::{Config, LargeMessages, Secret},
    tls::{IdentitySource, TlsOptions},
};

/// All durations in milliseconds, all sizes in bytes. What is absent is the server's default.
#[napi(object)]
#[derive(Default)]
pub struct NativeOptions {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub ssl: Option<NativeSsl>,
    pub token: Option<String>,
    pub tokens: Option<Vec<String>>,
    pub database_tokens: Option<HashMap<String, Vec<String>>>,
    pub unlisted_databases: Option<String>,
    pub dashboard: Option<bool>,
    pub max_payload: Option<i64>,
    pub max_message_size: Option<i64>,
    pub large_messages: Option<String>,
    pub allowed_origins: Option<Vec<String>>,
    pub trusted_proxies: Option<Vec<String>>,
    pub introductions: Option<bool>,
    pub resume_window: Option<i64>,
    pub master_timeout: Option<i64>,
    pub master_warm_up: Option<i64>,
    pub lock_table: Option<bool>,
    pub release_locks_after: Option<i64>,
    pub max_requests: Option<i64>,
    pub max_request_bytes: Option<i64>,
    pub max_connections: Option<i64>,
    pub max_queue: Option<i64>,
    pub max_unfinished: Option<i64>,
    pub max_header_size: Option<i64>,
    pub handshake_timeout: Option<i64>,
    pub flush_timeout: Option<i64>,
    pub keep_alive: Option<i64>,
    pub user_timeout: Option<i64>,
    pub no_delay: Option<bool>,
    pub threads: Option<i64>,
    /// Keep the port, with a keeper that is started so.
    pub keeper: Option<NativeLaunch>,
    pub development: Option<bool>,
}

/// `certPath` and `keyPath`, or `pfxPath`.
#[napi(object)]
#[derive(Default)]
pub struct NativeSsl {
    pub cert_path: Option<String>,
    pub key_path: Option<String>,
    pub pfx_path: Option<String>,
    pub passphrase: Option<String>,
    pub ca_path: Option<String>,
    pub request_cert: Option<bool>,
}

impl TryFrom<NativeOptions> for Config {
    type Error = Error;

    fn try_from(options: NativeOptions) -> Result<Self> {
        let defaults = Self::default();
        Ok(Self {
            coordination: coordination(&options)?,
            host: options.host,
            port: options.port.unwrap_or(defaults.port),
            tls: options.ssl.map(TlsOptions::try_from).transpose()?,
            token: options.token.map(Secret),
            tokens: options.tokens.map_or(defaults.tokens, secrets),
            database_tokens: options
                .database_tokens
                .map(|databases| databases.into_iter().map(|(db, tokens)| (db, secrets(tokens))).collect()),
            unlisted_databases: options.unlisted_databases.map(|fate| unlisted(&fate)).transpose()?,
            dashboard: options.dashboard.unwrap_or(defaults.dashboard),
            max_payload: options.max_payload.map(|bytes| size("maxPayload", bytes)).transpose()?,
            max_message_size: size_or("maxMessageSize", options.max_message_size, defaults.max_message_size)?,
            large_messages: options.large_messages.map_or(Ok(defaults.large_messages), |way| large_messages(&way))?,
            allowed_origins: options.allowed_origins.unwrap_or(defaults.allowed_origins),
            trusted_proxies: options.trusted_proxies.map_or(Ok(defaults.trusted_proxies), |texts| networks(&texts))?,
            max_connections: size_or("maxConnections", options.max_connections, defaults.max_connections)?,
            max_queue: size_or("maxQueue", options.max_queue, defaults.max_queue)?,
            max_unfinished: size_or("maxUnfinished", options.max_unfinished, defaults.max_unfinished)?,
            max_header_size: size_or("maxHeaderSize", options.max_header_size, defaults.max_header_size)?,
            handshake_timeout: time_or("handshakeTimeout", options.handshake_timeout, defaults.handshake_timeout)?,
            flush_timeout: time_or("flushTimeout", options.flush_timeout, defaults.flush_timeout)?,
            keep_alive: time_or("keepAlive", options.keep_alive, defaults.keep_alive)?,
            user_timeout: time_or("userTimeout", options.user_timeout, defaults.user_timeout)?,
            no_delay: options.no_delay.unwrap_or(defaults.no_delay),
            threads: size_or("threads", options.threads, defaults.threads)?,
            keep_port: options.keeper.map(NativeLaunch::into),
            development: options.development.unwrap_or(defaults.development),
        })
    }
}

fn coordination(options: &NativeOptions) -> Result<CoordinationConfig> {
    let defaults = CoordinationConfig::default();
    Ok(CoordinationConfig {
        introductions: options.introductions.unwrap_or(defaults.introductions),
        resume_window: millis_or("resumeWindow", options.resume_window, defaults.resume_window)?,
        master_timeout: millis_or("masterTimeout", options.master_timeout, defaults.master_timeout)?,
        master_warm_up: millis_or("masterWarmUp", options.master_warm_up, defaults.master_warm_up)?,
        lock_table: options.lock_table.unwrap_or(defaults.lock_table),
        release_locks_after: millis_or("releaseLocksAfter", options.release_locks_after, defaults.release_locks_after)?,
        max_requests: size_or("maxRequests", options.max_requests, defaults.max_requests)?,
        max_request_bytes: size_or("maxRequestBytes", options.max_request_bytes, defaults.max_request_bytes)?,
    })
}

impl From<Config> for NativeOptions {
    fn from(config: Config) -> Self {
        Self {
            max_payload: Some(number(config.effective_max_payload())),
            host: config.host,
            port: Some(config.port),
            ssl: None,
            token: None,
            tokens: None,
            database_tokens: None,
            unlisted_databases: None,
            dashboard: Some(config.dashboard),
            max_message_size: Some(number(config.max_message_size)),
            large_messages: Some(name_of(config.large_messages).into()),
            allowed_origins: Some(config.allowed_origins),
            trusted_proxies: Some(config.trusted_proxies.iter().map(ToString::to_string).collect()),
            introductions: Some(config.coordination.introductions),
            resume_window: Some(number(config.coordination.resume_window)),
            master_timeout: Some(number(config.coordination.master_timeout)),
            master_warm_up: Some(number(config.coordination.master_warm_up)),
            lock_table: Some(config.coordination.lock_table),
            release_locks_after: Some(number(config.coordination.release_locks_after)),
            max_requests: Some(number(config.coordination.max_requests)),
            max_request_bytes: Some(number(config.coordination.max_request_bytes)),
            max_connections: Some(number(config.max_connections)),
            max_queue: Some(number(config.max_queue)),
            max_unfinished: Some(number(config.max_unfinished)),
            max_header_size: Some(number(config.max_header_size)),
            handshake_timeout: Some(milliseconds(config.handshake_timeout)),
            flush_timeout: Some(milliseconds(config.flush_timeout)),
            keep_alive: Some(milliseconds(config.keep_alive)),
            user_timeout: Some(milliseconds(config.user_timeout)),
            no_delay: Some(config.no_delay),
            threads: Some(number(config.threads)),
            keeper: None,
            development: Some(config.development),
        }
    }
}

impl TryFrom<NativeSsl> for TlsOptions {
    type Error = Error;

    fn try_from(ssl: NativeSsl) -> Result<Self> {
        let identity = match (ssl.cert_path, ssl.key_path, ssl.pfx_path) {
            (Some(cert), Some(key), None) => IdentitySource::Pem { cert_path: cert.into(), key_path: key.into() },
            (None, None, Some(pfx)) => IdentitySource::Pkcs12 { pfx_path: pfx.into() },
            _ => return Err(invalid("ssl")),
        };
        Ok(Self {
            identity,
            passphrase: ssl.passphrase,
            client_ca_path: ssl.ca_path.map(Into::into),
            request_cert: ssl.request_cert.unwrap_or(false),
        })
    }
}

fn secrets(tokens: Vec<String>) -> Vec<Secret> {
    tokens.into_iter().map(Secret).collect()
}

fn networks(texts: &[String]) -> Result<Vec<IpNet>> {
    texts.iter().map(|text| remote::network(text).ok_or_else(|| invalid("trustedProxies"))).collect()
}

fn unlisted(fate: &str) -> Result<Unlisted> {
    match fate {
        "refuse" => Ok(Unlisted::Refuse),
        "allow" => Ok(Unlisted::Allow),
        _ => Err(invalid("unlistedDatabases")),
    }
}

fn large_messages(way: &str) -> Result<LargeMessages> {
    match way {
        "push" => Ok(LargeMessages::Push),
        "download" => Ok(LargeMessages::Download),
        _ => Err(invalid("largeMessages")),
    }
}

fn name_of(way: LargeMessages) -> &'static str {
    match way {
        LargeMessages::Push => "push",
        LargeMessages::Download => "download",
    }
}

fn size_or(name: &str, given: Option<i64>, default: usize) -> Result<usize> {
    given.map_or(Ok(default), |given| size(name, given))
}

fn size(name: &str, given: i64) -> Result<usize> {
    usize::try_from(given).map_err(|_| invalid(name))
}

fn time_or(name: &str, given: Option<i64>, default: Duration) -> Result<Duration> {
    millis_or(name, given, millis(default)).map(Duration::from_millis)
}

fn millis_or(name: &str, given: Option<i64>, default: u64) -> Result<u64> {
    given.map_or(Ok(default), |given| u64::try_from(given).map_err(|_| invalid(name)))
}

fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

fn milliseconds(time: Duration) -> i64 {
    number(millis(time))
}

fn invalid(name: &str) -> Error {
    Error::new(Status::InvalidArg, format!("option {name:?} is out of its bounds"))
}
