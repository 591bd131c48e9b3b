//! Who may come in: the tokens, and the `Origin` and `Host` of web pages.
//!
//! Browsers let any page send requests to local ports. Two rules keep pages out. A request that names its page (`Origin`)
//! is refused unless the page is listed, or is the server's own. A page may also give its own host name the server's address
//! and then pass for the server's own page (DNS rebinding), and its requests name no `Origin`; therefore what the server shows
//! of itself without a token it shows only under a host name that no stranger can have.

use std::{collections::HashMap, fmt, net::IpAddr};

use hyper::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// Endings of host names that are never registered with the public domain name system.
const PRIVATE_ENDINGS: [&str; 3] = [".local", ".localhost", ".internal"];

/// A string that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What clients must know. Any of a list will do, so that a token can be replaced while clients know the old one.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// For all databases that have none of their own, and for looking at the whole server. None: anybody may come in.
    pub general: Vec<Secret>,
    /// A database that is named here takes only its own; an empty list lets nobody in.
    pub of_databases: HashMap<String, Vec<Secret>>,
}

/// What somebody wants to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight<'a> {
    /// The whole server.
    Server,
    /// One database.
    Database(&'a str),
}

/// The server's rules of access. Never shown in logs: it holds the tokens.
pub struct Access {
    tokens: Tokens,
    allowed_origins: Vec<String>,
    own_host: Option<String>,
}

impl Access {
    /// `allowed_origins`: web pages that may connect, as browsers name them (`https://example.com`); none by default.
    /// `own_host`: the name that the server was told to listen on.
    pub fn new(tokens: Tokens, allowed_origins: Vec<String>, own_host: Option<String>) -> Self {
        Self { tokens, allowed_origins, own_host }
    }

    /// Is this a token of the database? Takes the same time wherever it differs. Where none is configured any will do.
    pub fn allows_token(&self, db: &str, offered: Option<&str>) -> bool {
        match self.tokens.of_databases.get(db) {
            Some(own) => is_one_of(own, offered),
            None => self.tokens.general.is_empty() || is_one_of(&self.tokens.general, offered),
        }
    }

    /// As [`Access::allows_token`], with the token in the query or as a bearer token in the headers.
    pub fn allows_request(&self, db: &str, query: Option<&str>, headers: &HeaderMap) -> bool {
        self.allows_token(db, query) || self.allows_token(db, bearer(headers))
    }

    /// May somebody with these tokens look? A general token shows everything. One of a database shows that database.
    /// Where only databases have tokens, nobody may look at the whole server: it would show those databases, too.
    pub fn allows_look(&self, sight: Sight<'_>, query: Option<&str>, headers: &HeaderMap) -> bool {
        let offers = [query, bearer(headers)];
        let knows_general = offers.into_iter().any(|offered| is_one_of(&self.tokens.general, offered));
        knows_general
            || match sight {
                Sight::Server => !self.needs_token(),
                Sight::Database(db) => offers.into_iter().any(|offered| self.allows_token(db, offered)),
            }
    }

    /// A request from a web page is refused unless the page's origin is listed.
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::ORIGIN).iter().all(|origin| self.is_listed(origin.as_bytes()))
    }

    /// As [`Access::allows_origin`], for what the server's own page asks for. Browsers name its origin too in some requests:
    /// it is the page that came from this `Host`.
    pub fn allows_own_page(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(header::HOST).map(header::HeaderValue::as_bytes);
        headers.get_all(header::ORIGIN).iter().all(|origin| {
            let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
            self.is_listed(origin.as_bytes()) || own.is_some() && authority.map(str::as_bytes) == own
        })
    }

    /// The server may show itself under this `Host`: a token protects it, or no page of a stranger can be under that name.
    pub fn allows_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST) else { return true };
        self.needs_token() || host.to_str().is_ok_and(|host| self.is_own_name(host_name(host)))
    }

    fn needs_token(&self) -> bool {
        !self.tokens.general.is_empty() || !self.tokens.of_databases.is_empty()
    }

    fn is_listed(&self, origin: &[u8]) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin))
    }

    fn is_own_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_listed = |origin: &String| {
            origin.split_once("://").is_some_and(|(_, authority)| host_name(authority).eq_ignore_ascii_case(&name))
        };
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
            || self.own_host.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&name))
            || self.allowed_origins.iter().any(is_listed)
    }
}

/// Compares with all of them, so that the time does not tell which one was right.
fn is_one_of(tokens: &[Secret], offered: Option<&str>) -> bool {
    let Some(offered) = offered else { return false };
    tokens.iter().fold(false, |found, token| found | bool::from(offered.as_bytes().ct_eq(token.0.as_bytes())))
}

/// `host`, `host:port` or `[v6]:port`, without the port and the brackets.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.split(':').next().unwrap_or(host),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value))).collect()
    }

    fn secrets(words: &[&str]) -> Vec<Secret> {
        words.iter().map(|word| Secret((*word).into())).collect()
    }

    fn access(general: &[&str], of_databases: &[(&str, &[&str])]) -> Access {
        let of_databases = of_databases.iter().map(|(db, words)| ((*db).into(), secrets(words))).collect();
        Access::new(Tokens { general: secrets(general), of_databases }, vec![], None)
    }

    fn with_origin(origin: &str) -> Access {
        Access::new(Tokens::default(), vec![origin.into()], Some("hub.example.com".into()))
    }

    #[test]
    fn without_a_token_everybody_may_come_in() {
        let access = access(&[], &[]);
        assert!(access.allows_token("db", None));
        assert!(access.allows_token("db", Some("undefined")));
    }

    #[test]
    fn the_token_must_be_equal() {
        let access = access(&["secret"], &[]);
        assert!(access.allows_token("db", Some("secret")));
        for wrong in [None, Some(""), Some("secre"), Some("secret!"), Some("undefined")] {
            assert!(!access.allows_token("db", wrong), "{wrong:?}");
        }
    }

    #[test]
    fn any_token_of_a_list_will_do() {
        let access = access(&["old", "new"], &[]);
        assert!(access.allows_token("db", Some("old")) && access.allows_token("db", Some("new")));
        assert!(!access.allows_token("db", Some("oldnew")));
    }

    #[test]
    fn a_database_with_tokens_of_its_own_takes_only_those() {
        let access = access(&["general"], &[("own", &["special"]), ("shut", &[])]);
        assert!(access.allows_token("own", Some("special")) && !access.allows_token("own", Some("general")));
        assert!(access.allows_token("other", Some("general")) && !access.allows_token("other", Some("special")));
        assert!(!access.allows_token("shut", Some("general")) && !access.allows_token("shut", None));
    }

    #[test]
    fn a_bearer_token_is_as_good() {
        let access = access(&["secret"], &[]);
        assert!(access.allows_request("db", None, &headers(&[(header::AUTHORIZATION, "Bearer secret")])));
        assert!(access.allows_request("db", None, &headers(&[(header::AUTHORIZATION, "bearer secret")])));
        assert!(!access.allows_request("db", None, &headers(&[(header::AUTHORIZATION, "Basic secret")])));
    }

    #[test]
    fn a_general_token_shows_everything_and_that_of_a_database_only_that() {
        let nothing = HeaderMap::new();
        let mixed = access(&["general"], &[("own", &["special"])]);
        assert!(mixed.allows_look(Sight::Server, Some("general"), &nothing));
        assert!(mixed.allows_look(Sight::Database("own"), Some("general"), &nothing));
        assert!(mixed.allows_look(Sight::Database("own"), Some("special"), &nothing));
        assert!(!mixed.allows_look(Sight::Server, Some("special"), &nothing));
        assert!(!mixed.allows_look(Sight::Database("other"), Some("special"), &nothing));

        let only_own = access(&[], &[("own", &["special"])]);
        assert!(!only_own.allows_look(Sight::Server, Some("special"), &nothing));
        assert!(!only_own.allows_look(Sight::Server, None, &nothing));
        assert!(only_own.allows_look(Sight::Database("other"), None, &nothing));

        assert!(access(&[], &[]).allows_look(Sight::Server, None, &nothing));
    }

    #[test]
    fn web_pages_are_refused_unless_listed() {
        let page = headers(&[(header::ORIGIN, "https://example.com")]);
        let open = with_origin("https://Example.com");
        assert!(access(&[], &[]).allows_origin(&HeaderMap::new()));
        assert!(!access(&[], &[]).allows_origin(&page));
        assert!(open.allows_origin(&page));
        assert!(!open.allows_origin(&headers(&[(header::ORIGIN, "null")])));
    }

    #[test]
    fn the_servers_own_page_may_name_itself() {
        let access = access(&[], &[]);
        let of = |origin, host| headers(&[(header::ORIGIN, origin), (header::HOST, host)]);
        assert!(access.allows_own_page(&of("http://localhost:8080", "localhost:8080")));
        assert!(!access.allows_own_page(&of("http://localhost:8081", "localhost:8080")));
        assert!(!access.allows_own_page(&of("null", "localhost:8080")));
        assert!(!access.allows_own_page(&headers(&[(header::ORIGIN, "http://localhost:8080")])));
    }

    #[test]
    fn without_a_token_only_names_that_no_stranger_can_have_are_answered() {
        let access = with_origin("https://status.example.com:8443");
        let allows = |host| access.allows_host(&headers(&[(header::HOST, host)]));
        for own in [
            "localhost:80",
            "127.0.0.1:80",
            "[::1]:80",
            "hub:80",
            "hub.svc.cluster.local",
            "hub.example.com",
            "HUB.local.",
        ] {
            assert!(allows(own), "{own}");
        }
        assert!(allows("status.example.com"));
        for strange in ["evil.example:80", "127.0.0.1.evil.example", "local.evil.example"] {
            assert!(!allows(strange), "{strange}");
        }
        assert!(access.allows_host(&HeaderMap::new()));
    }

    #[test]
    fn with_a_token_any_name_will_do() {
        let page = headers(&[(header::HOST, "anything.example:80")]);
        assert!(access(&["secret"], &[]).allows_host(&page));
    }
}
