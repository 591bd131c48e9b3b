//! Reads from JSON, and writes, the settings whose types cannot do so themselves: other layers' types, and secrets.
//! Knows the kinds of values, and no single option.

use std::{collections::HashMap, iter, path::PathBuf, time::Duration};

use serde::{
    Deserialize, Deserializer, Serializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

use crate::{
    cluster::{
        config::{ClusterConfig, DEFAULT_LEASE_TIME, DEFAULT_RENEW_EVERY, MIN_RENEWALS},
        engine::address::EngineAddress,
    },
    http::access::{Secret, Unlisted},
    tls::{IdentitySource, TlsOptions},
};

/// An option cannot be read. Its value is not shown: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOption {
    /// An option that is not known, or whose value is not what it must be.
    #[error("option {0:?} is not known, or out of its bounds")]
    Named(String),
    /// The whole text.
    #[error("the options are not a JSON object")]
    NoObject,
}

/// Reads settings, each of which has a default.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, BadOption> {
    serde_json::from_str(text).map_err(|_| fault_of::<T>(text))
}

/// Looks for the option at fault, one at a time: the reader of all of them does not tell where it was.
fn fault_of<T: DeserializeOwned>(text: &str) -> BadOption {
    let Ok(options) = serde_json::from_str::<Map<String, Value>>(text) else { return BadOption::NoObject };
    let is_bad = |name: &String, value: &Value| {
        let alone = iter::once((name.clone(), value.clone())).collect();
        serde_json::from_value::<T>(Value::Object(alone)).is_err()
    };
    let bad = options.into_iter().find(|(name, value)| is_bad(name, value));
    bad.map_or(BadOption::NoObject, |(name, _)| BadOption::Named(name))
}

/// Writes a setting that is absent by default. What it is otherwise is not told: most of these are secrets.
pub(super) fn absent<T, S: Serializer>(_: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_none()
}

pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Secret))
}

pub(super) fn secrets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Secret>, D::Error> {
    Ok(to_secrets(Vec::deserialize(from)?))
}

type SecretsByName = HashMap<String, Vec<Secret>>;

pub(super) fn secrets_by_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretsByName>, D::Error> {
    let lists = Option::<HashMap<String, Vec<String>>>::deserialize(from)?;
    Ok(lists.map(|lists| lists.into_iter().map(|(name, list)| (name, to_secrets(list))).collect()))
}

fn to_secrets(texts: Vec<String>) -> Vec<Secret> {
    texts.into_iter().map(Secret).collect()
}

pub(super) fn unlisted<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Unlisted>, D::Error> {
    match Option::<String>::deserialize(from)?.as_deref() {
        None => Ok(None),
        Some("allow") => Ok(Some(Unlisted::Allow)),
        Some("refuse") => Ok(Some(Unlisted::Refuse)),
        Some(_) => Err(D::Error::custom("neither allow nor refuse")),
    }
}

pub(super) fn tls<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TlsOptions>, D::Error> {
    Option::<Ssl>::deserialize(from)?.map(|ssl| ssl.try_into().map_err(D::Error::custom)).transpose()
}

/// `certPath` and `keyPath`, or `pfxPath`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ssl {
    cert_path: Option<PathBuf>,
    key_path: Option<PathBuf>,
    pfx_path: Option<PathBuf>,
    passphrase: Option<String>,
    ca_path: Option<PathBuf>,
    #[serde(default)]
    request_cert: bool,
}

impl TryFrom<Ssl> for TlsOptions {
    type Error = &'static str;

    fn try_from(ssl: Ssl) -> Result<Self, Self::Error> {
        let identity = match (ssl.cert_path, ssl.key_path, ssl.pfx_path) {
            (Some(cert_path), Some(key_path), None) => IdentitySource::Pem { cert_path, key_path },
            (None, None, Some(pfx_path)) => IdentitySource::Pkcs12 { pfx_path },
            _ => return Err("neither a certificate with its key nor a PKCS#12 file"),
        };
        Ok(Self { identity, passphrase: ssl.passphrase, client_ca_path: ssl.ca_path, request_cert: ssl.request_cert })
    }
}

pub(super) fn cluster<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ClusterConfig>, D::Error> {
    Option::<Cluster>::deserialize(from)?.map(|cluster| cluster.try_into().map_err(D::Error::custom)).transpose()
}

/// How one of several hubs reaches the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cluster {
    engine: String,
    advertise: String,
    secret: String,
    name: Option<String>,
    #[serde(default = "default_lease_time", with = "millis")]
    lease_time: Duration,
    #[serde(default = "default_renew_every", with = "millis")]
    renew_every: Duration,
}

fn default_lease_time() -> Duration {
    DEFAULT_LEASE_TIME
}

fn default_renew_every() -> Duration {
    DEFAULT_RENEW_EVERY
}

impl TryFrom<Cluster> for ClusterConfig {
    type Error = String;

    fn try_from(cluster: Cluster) -> Result<Self, Self::Error> {
        let Cluster { engine, advertise, secret, name, lease_time, renew_every } = cluster;
        // These are written into records, between spaces, and into headers, between semicolons.
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
        if !is_word(&advertise) || !name.as_deref().is_none_or(is_word) {
            return Err("its name, or where others reach it, cannot be written".into());
        }
        if secret.is_empty() || renew_every.is_zero() || lease_time < renew_every * MIN_RENEWALS {
            return Err("it has no secret, or too short a lease".into());
        }
        let engine = EngineAddress::parse(&engine).map_err(|error| error.to_string())?;
        Ok(Self { engine, advertise, secret: Secret(secret), name, lease_time, renew_every })
    }
}

/// Durations, as milliseconds.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock;

    pub fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(clock::millis(*time))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// Networks, as texts; a single address is one, too.
pub(super) mod networks {
    use ipnet::IpNet;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::http::remote;

    pub fn serialize<S: Serializer>(networks: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(networks.iter().map(ToString::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
        let read = |text: &String| remote::network(text).ok_or_else(|| D::Error::custom("no network"));
        Vec::<String>::deserialize(from)?.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::config::{Config, LargeMessages};

    fn read(text: &str) -> Result<Config, BadOption> {
        Config::from_json(text)
    }

    fn named(text: &str) -> String {
        match read(text) {
            Err(BadOption::Named(name)) => name,
            outcome => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn what_is_not_named_is_the_default() {
        let config = read(r#"{ "maxQueue": 5, "resumeWindow": 7, "flushTimeout": 9 }"#).unwrap();
        assert_eq!((config.max_queue, config.coordination.resume_window), (5, 7));
        assert_eq!(config.flush_timeout, Duration::from_millis(9));
        let defaults = Config::default();
        assert_eq!((config.port, config.threads), (defaults.port, defaults.threads));
        assert_eq!(config.coordination.max_requests, defaults.coordination.max_requests);
    }

    #[test]
    fn words_networks_secrets_and_certificates_are_read() {
        let config = read(
            r#"{ "token": "a", "tokens": ["b"], "databaseTokens": { "db": ["c"] }, "unlistedDatabases": "refuse",
                 "cluster": { "engine": "redis://a", "advertise": "b:1", "secret": "hush", "renewEvery": 500 },
                 "largeMessages": "download", "trustedProxies": ["::1", "10.0.0.0/8"], "ssl": { "pfxPath": "p" },
                 "keepPort": { "program": "/bin/node", "args": ["a"], "environment": [["PATH", "/bin"]] } }"#,
        )
        .unwrap();
        assert_eq!((config.token, config.tokens), (Some(Secret("a".into())), vec![Secret("b".into())]));
        assert_eq!(config.database_tokens, Some([("db".into(), vec![Secret("c".into())])].into()));
        assert_eq!(config.unlisted_databases, Some(Unlisted::Refuse));
        assert_eq!(config.large_messages, LargeMessages::Download);
        assert_eq!(config.trusted_proxies.len(), 2);
        let cluster = config.cluster.unwrap();
        assert_eq!((&*cluster.advertise, cluster.name, cluster.secret), ("b:1", None, Secret("hush".into())));
        assert_eq!((cluster.lease_time, cluster.renew_every), (DEFAULT_LEASE_TIME, Duration::from_millis(500)));
        assert_eq!(config.tls.unwrap().identity, IdentitySource::Pkcs12 { pfx_path: "p".into() });
        assert_eq!(config.keep_port.unwrap().environment, [("PATH".into(), "/bin".into())]);
    }

    #[test]
    fn an_option_that_cannot_be_read_is_named() {
        for (name, values) in [
            ("port", &["-1", "65536", "1.5", "\"80\"", "null"][..]),
            ("token", &["1", "[]"]),
            ("tokens", &["\"a\"", "[1]", "null"]),
            ("databaseTokens", &["[]", r#"{ "db": "a" }"#]),
            ("unlistedDatabases", &["\"Refuse\"", "true"]),
            ("largeMessages", &["\"pull\"", "null"]),
            ("trustedProxies", &["[\"proxy\"]", "[\"10.0.0.0/33\"]"]),
            ("maxQueue", &["-1", "1e30", "18446744073709551616"]),
            ("keepAlive", &["-1", "\"1\"", "{}"]),
            ("resumeWindow", &["-1", "0.5", "null"]),
            ("introductions", &["1"]),
            ("keepPort", &["true", "{}"]),
            (
                "ssl",
                &["{}", "[]", r#"{ "certPath": "c" }"#, r#"{ "pfxPath": "p", "keyPath": "k" }"#, r#"{ "pfx": "p" }"#],
            ),
            (
                "cluster",
                &[
                    "true",
                    "{}",
                    r#"{ "engine": "http://a", "advertise": "a:1", "secret": "s" }"#,
                    r#"{ "engine": "redis://a", "advertise": "a b:1", "secret": "s" }"#,
                    r#"{ "engine": "redis://a", "advertise": "a:1", "secret": "" }"#,
                    r#"{ "engine": "redis://a", "advertise": "a:1", "secret": "s", "name": "a;b" }"#,
                    r#"{ "engine": "redis://a", "advertise": "a:1", "secret": "s", "leaseTime": 2999 }"#,
                    r#"{ "engine": "redis://a", "advertise": "a:1", "secret": "s", "size": 3 }"#,
                ],
            ),
            ("noSuchOption", &["1", "null"]),
            ("coordination", &["{}"]),
        ] {
            for value in values {
                assert_eq!(
                    named(&format!(r#"{{ "threads": 2, "{name}": {value}, "noDelay": true }}"#)),
                    name,
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_object_of_options_is_refused() {
        for text in ["", "[]", "1", "null", "{", "{} {}", r#"{ "token": "\ud800" }"#, &"[".repeat(10_000)] {
            assert_eq!(read(text).unwrap_err(), BadOption::NoObject, "{text}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config = read(
            r#"{ "token": "hush", "tokens": ["hush"], "databaseTokens": { "db": ["hush"] },
                 "cluster": { "engine": "redis://:hush@a", "advertise": "a:1", "secret": "hush" } }"#,
        )
        .unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hush"));
        assert!(!read(r#"{ "port": "hush" }"#).unwrap_err().to_string().contains("hush"));
    }
}
