//! Where an engine is, as its owner writes it: `redis://user:password@host:port/database`, `rediss://…` over TLS, and
//! `redis+sentinel://host:port,host:port/master/database`, or `rediss+sentinel://…` with TLS to the Sentinels, too.
//! With `?cluster=name`, several clusters share one database.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::http::access::Secret;

/// Redis's own port.
const REDIS_PORT: u16 = 6379;

/// Sentinel's.
const SENTINEL_PORT: u16 = 26379;

/// What a cluster is called that has no name: it begins the names of its keys.
const DEFAULT_CLUSTER: &str = "default";

/// How addresses are written, for errors.
const FORMS: &str = "write redis://host:6379, or redis+sentinel://host:26379,host:26379/master; rediss for TLS";

/// An address that cannot be read: what is wrong with it, and what to write. The address itself may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: {FORMS}")]
pub struct BadAddress(&'static str);

/// A host, and a port on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Which servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Servers {
    /// This one.
    One(HostPort),
    /// The one that these say is the master of that name.
    Sentinels { hosts: Vec<HostPort>, master: String },
}

/// Where an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    pub servers: Servers,
    /// Also to Sentinels.
    pub is_tls: bool,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u16,
    /// What the names of keys begin with.
    pub cluster: String,
}

/// Without the password.
impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.servers {
            Servers::One(server) => write!(f, "Redis at {server}"),
            Servers::Sentinels { hosts, master } => {
                write!(f, "Redis {master:?} of the Sentinels at ")?;
                for (index, host) in hosts.iter().enumerate() {
                    write!(f, "{}{host}", if index > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl EngineAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let (scheme, rest) = text.split_once("://").ok_or(BadAddress("it has no scheme"))?;
        let (is_tls, is_sentinel) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            _ => return Err(BadAddress("its scheme is not known")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may have an @ that was not encoded.
        let (credentials, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(credentials, hosts)| (Some(credentials), hosts));
        let (user, password) = credentials.map(read_credentials).transpose()?.unwrap_or_default();
        let (servers, database) = if is_sentinel {
            read_sentinels(hosts, path)?
        } else {
            (Servers::One(read_host(hosts, REDIS_PORT)?), path)
        };
        Ok(Self { servers, is_tls, user, password, database: read_database(database)?, cluster: read_cluster(query)? })
    }
}

fn read_credentials(text: &str) -> Result<(Option<String>, Option<Secret>), BadAddress> {
    let decode = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8().map_err(|_| BadAddress("its password is not UTF-8"))?;
        Ok(Some(decoded.into_owned()).filter(|part| !part.is_empty()))
    };
    match text.split_once(':') {
        Some((user, password)) => Ok((decode(user)?, decode(password)?.map(Secret))),
        None => Err(BadAddress("it has a user without a password (redis://:password@host for a password alone)")),
    }
}

fn read_sentinels<'a>(hosts: &str, path: &'a str) -> Result<(Servers, &'a str), BadAddress> {
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    let master = master.to_owned();
    if master.is_empty() {
        return Err(BadAddress("it does not say which master the Sentinels look after"));
    }
    let hosts = hosts.split(',').map(|host| read_host(host, SENTINEL_PORT)).collect::<Result<_, _>>()?;
    Ok((Servers::Sentinels { hosts, master }, database))
}

fn read_host(text: &str, default_port: u16) -> Result<HostPort, BadAddress> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(BadAddress("its host cannot be read"))?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(str::parse).transpose().map_err(|_| BadAddress("its port is no number up to 65535"))?;
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(BadAddress("it has no host"));
    }
    Ok(HostPort { host: host.to_owned(), port: port.unwrap_or(default_port) })
}

fn read_database(text: &str) -> Result<u16, BadAddress> {
    let text = text.trim_end_matches('/');
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| BadAddress("its database is no number")) }
}

fn read_cluster(query: &str) -> Result<String, BadAddress> {
    match query.split_once('=') {
        None if query.is_empty() => Ok(DEFAULT_CLUSTER.to_owned()),
        Some(("cluster", name)) if is_word(name) => Ok(name.to_owned()),
        Some(("cluster", _)) => Err(BadAddress("the name of the cluster may have letters, digits, - and _")),
        _ => Err(BadAddress("it has a parameter other than cluster")),
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(host: &str, port: u16) -> Servers {
        Servers::One(HostPort { host: host.into(), port })
    }

    #[test]
    fn addresses_are_read() {
        let plain = EngineAddress::parse("redis://redis.internal").unwrap();
        assert_eq!(plain.servers, one("redis.internal", 6379));
        assert_eq!((plain.is_tls, plain.database, &*plain.cluster), (false, 0, "default"));
        let all = EngineAddress::parse("rediss://user:p%40ss@w:rd@[::1]:7000/3?cluster=blue").unwrap();
        assert_eq!((all.servers.clone(), all.is_tls, all.database), (one("::1", 7000), true, 3));
        assert_eq!((all.user.as_deref(), all.password.clone()), (Some("user"), Some(Secret("p@ss@w:rd".into()))));
        assert_eq!((&*all.cluster, &*all.to_string()), ("blue", "Redis at [::1]:7000"));
        assert_eq!(EngineAddress::parse("redis://:secret@a/").unwrap().user, None);
        let sentinels = EngineAddress::parse("redis+sentinel://a,b:1,[::2]/mymaster/2").unwrap();
        assert_eq!(sentinels.to_string(), "Redis \"mymaster\" of the Sentinels at a:26379, b:1, [::2]:26379");
        assert_eq!((sentinels.database, sentinels.is_tls), (2, false));
        assert!(EngineAddress::parse("rediss+sentinel://a/mymaster").unwrap().is_tls);
    }

    #[test]
    fn what_is_wrong_with_one_is_said_and_the_password_is_not() {
        for (text, fault) in [
            ("redis.internal:6379", "no scheme"),
            ("http://a", "scheme is not known"),
            ("redis://", "no host"),
            ("redis://a:port", "port"),
            ("redis://a:70000", "port"),
            ("redis://hush@a", "without a password"),
            ("redis://:hush@a/x", "database is no number"),
            ("redis+sentinel://a,b", "which master"),
            ("redis+sentinel://a,,b/m", "no host"),
            ("redis://[::1]x", "host cannot be read"),
            ("redis://a?x=1", "other than cluster"),
            ("redis://a?cluster=a{b", "letters, digits"),
        ] {
            let error = EngineAddress::parse(text).unwrap_err().to_string();
            assert!(error.contains(fault) && error.contains("redis+sentinel://") && !error.contains("hush"), "{error}");
        }
    }
}
