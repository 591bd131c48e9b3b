//! Reads from JSON, and writes, the settings whose types cannot do so themselves: other layers' types, and secrets.
//! Knows the kinds of values, and no single option.

use std::{collections::HashMap, iter, path::PathBuf};

use serde::{
    Deserialize, Deserializer, Serializer,
    de::{DeserializeOwned, Error},
};
use serde_json::{Map, Value};

use crate::{
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
                 "largeMessages": "download", "trustedProxies": ["::1", "10.0.0.0/8"], "ssl": { "pfxPath": "p" },
                 "keepPort": { "program": "/bin/node", "args": ["a"], "environment": [["PATH", "/bin"]] } }"#,
        )
        .unwrap();
        assert_eq!((config.token, config.tokens), (Some(Secret("a".into())), vec![Secret("b".into())]));
        assert_eq!(config.database_tokens, Some([("db".into(), vec![Secret("c".into())])].into()));
        assert_eq!(config.unlisted_databases, Some(Unlisted::Refuse));
        assert_eq!(config.large_messages, LargeMessages::Download);
        assert_eq!(config.trusted_proxies.len(), 2);
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
        let config = read(r#"{ "token": "hush", "tokens": ["hush"], "databaseTokens": { "db": ["hush"] } }"#).unwrap();
        assert!(!serde_json::to_string(&config).unwrap().contains("hush"));
        assert!(!read(r#"{ "port": "hush" }"#).unwrap_err().to_string().contains("hush"));
    }
}
