//! What proxies in front of the server say of a request: whose it is, and whether it came to them over TLS.
//!
//! Anybody can write such headers, so that an address is believed only where each one who has passed it on is trusted:
//! the list is read from its end, which the nearest proxy has written, and the first address that is no trusted
//! proxy's is the client's. TLS is believed of anybody, since a lie gains nothing: see [`came_over_tls`].

use std::net::{IpAddr, SocketAddr};

use hyper::{HeaderMap, header};
use ipnet::IpNet;

/// Whoever has passed a request on adds the address that it came from at the end.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The scheme by which the client came; proxies add theirs, or replace what was there.
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Schemes over TLS. Some proxies name that of the WebSocket.
const TLS_SCHEMES: [&str; 2] = ["https", "wss"];

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// `trusted`: the proxies that the server's owner has named.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        Self(trusted)
    }

    /// Whose a request is that came from `from`. Where the proxies do not tell, it is the last one that was told. The
    /// port of one that proxies have told is not known, and 0.
    pub fn client(&self, from: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let client = self.address_of_client(from.ip(), headers);
        if client == from.ip() { from } else { SocketAddr::new(client, 0) }
    }

    fn address_of_client(&self, from: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = from;
        if self.trust(from) {
            let mut hops = hops(headers).into_iter();
            while self.trust(client)
                && let Some(Some(hop)) = hops.next()
            {
                client = hop;
            }
        }
        client
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Has the request come over TLS on some part of its way? Then its client has no way to POST, since the published ones
/// do it in plain HTTP, and must be told to send all over the socket.
///
/// Who says so is not asked. A client that lies may send longer frames, up to `maxMessageSize`, which is what it may
/// POST anyway; and it needs the token for both.
pub fn came_over_tls(headers: &HeaderMap) -> bool {
    let is_tls = |scheme: &str| TLS_SCHEMES.iter().any(|tls| tls.eq_ignore_ascii_case(scheme.trim()));
    items(headers, X_FORWARDED_PROTO).iter().any(|scheme| is_tls(scheme))
        || items(headers, header::FORWARDED.as_str()).iter().any(|item| parameter(item, "proto").is_some_and(is_tls))
}

/// A network, or a single address.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| address(text).map(IpNet::from))
}

/// Who has passed the request on, the nearest first; `None` for one that is not told. A proxy that writes one of the
/// two headers may let the client's own of the other kind through: where they differ, neither is believed.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let listed = items(headers, X_FORWARDED_FOR).iter().map(|item| address(item)).collect::<Vec<_>>();
    let forwarded = items(headers, header::FORWARDED.as_str());
    let forwarded = forwarded.iter().map(|item| address(parameter(item, "for")?)).collect::<Vec<_>>();
    match (listed.is_empty(), forwarded.is_empty()) {
        (false, true) => listed,
        (true, false) => forwarded,
        (_, _) if listed == forwarded => listed,
        (_, _) => Vec::new(),
    }
}

/// The items of a header that is a list, the last one first. Commas always divide, also between quotes: a client could
/// open a quotation that swallows what proxies add.
fn items(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).into_iter().rev();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    lines.flat_map(|line| line.rsplit(',').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// `name=value` among others, as in `Forwarded`.
fn parameter<'a>(item: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = item.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"'))
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = text.parse::<SocketAddr>().map(|address| address.ip());
    let address = with_port.or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn headers_of(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        headers
    }

    fn client_of(from: &str, lines: &[(&str, &str)]) -> String {
        let proxies = Proxies::new(["10.0.0.0/8", "::1", "192.0.2.7"].map(|text| network(text).unwrap()).to_vec());
        proxies.address_of_client(from.parse().unwrap(), &headers_of(lines)).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        for name in ["x-forwarded-for", "forwarded"] {
            assert_eq!(client_of("203.0.113.9", &[(name, "for=192.0.2.1"), (name, "192.0.2.1")]), "203.0.113.9");
        }
        assert_eq!(client_of(PROXY, &[]), PROXY);
    }

    #[test]
    fn a_trusted_proxy_names_its_client_in_either_header() {
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-for", "203.0.113.9:4711"),
            ("X-Forwarded-For", " 203.0.113.9 "),
            ("x-forwarded-for", "::ffff:203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("forwarded", "proto=https;For=\"203.0.113.9:4711\";by=10.0.0.1"),
        ] {
            assert_eq!(client_of(PROXY, &[(name, value)]), "203.0.113.9", "{name}: {value}");
        }
        for value in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711"] {
            assert_eq!(client_of("::1", &[("x-forwarded-for", value)]), "2001:db8::1", "{value}");
            assert_eq!(client_of("::1", &[("forwarded", &format!("for=\"{value}\""))]), "2001:db8::1", "{value}");
        }
    }

    #[test]
    fn what_the_client_itself_has_written_is_not_believed() {
        for spoilt in ["198.51.100.1", "198.51.100.1, 10.0.0.5", "\"", "for=\"a", "é", "unknown", ","] {
            let line = format!("{spoilt}, 203.0.113.9, 10.0.0.2");
            assert_eq!(client_of(PROXY, &[("x-forwarded-for", &line)]), "203.0.113.9", "{line}");
            let lines = [("x-forwarded-for", spoilt), ("x-forwarded-for", "203.0.113.9")];
            assert_eq!(client_of(PROXY, &lines), "203.0.113.9", "{spoilt}");
            let line = format!("for={spoilt}, for=203.0.113.9;proto=https, for=192.0.2.7");
            assert_eq!(client_of(PROXY, &[("forwarded", &line)]), "203.0.113.9", "{line}");
        }
    }

    #[test]
    fn where_the_two_headers_differ_one_is_the_clients_and_neither_is_believed() {
        let lines = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(client_of(PROXY, &lines), PROXY);
        let lines = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(client_of(PROXY, &lines), "203.0.113.9");
    }

    #[test]
    fn where_the_chain_breaks_the_last_that_is_known_is_named() {
        assert_eq!(client_of(PROXY, &[("x-forwarded-for", "203.0.113.9, unknown")]), PROXY);
        assert_eq!(client_of(PROXY, &[("x-forwarded-for", "203.0.113.9, unknown, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(client_of(PROXY, &[("forwarded", "for=203.0.113.9, proto=https")]), PROXY);
        assert_eq!(client_of(PROXY, &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")]), "10.0.0.3");
    }

    #[test]
    fn tls_at_any_proxy_is_tls() {
        for line in [
            ("x-forwarded-proto", "https"),
            ("X-Forwarded-Proto", "HTTPS"),
            ("x-forwarded-proto", "wss"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-proto", "http,https"),
            ("forwarded", "for=192.0.2.1;proto=https"),
            ("forwarded", "for=192.0.2.1, Proto=\"https\" ; by=10.0.0.1"),
        ] {
            assert!(came_over_tls(&headers_of(&[line])), "{line:?}");
        }
        for line in [
            ("x-forwarded-proto", "http"),
            ("x-forwarded-proto", "ws"),
            ("x-forwarded-proto", ""),
            ("x-forwarded-proto", "httpss"),
            ("forwarded", "for=https;host=https"),
            ("forwarded", "https"),
            ("x-forwarded-for", "https"),
        ] {
            assert!(!came_over_tls(&headers_of(&[line])), "{line:?}");
        }
        assert!(!came_over_tls(&HeaderMap::new()));
    }

    #[test]
    fn networks_are_addresses_with_or_without_a_length() {
        for good in ["10.0.0.0/8", "10.1.2.3/8", "127.0.0.1", "::1", "fd00::/8", "0.0.0.0/0"] {
            assert!(network(good).is_some(), "{good}");
        }
        for bad in ["", "proxy.example.com", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.1/", "/8"] {
            assert!(network(bad).is_none(), "{bad}");
        }
    }
}
