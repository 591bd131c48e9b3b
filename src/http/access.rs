//! Who may come in: the tokens, and what web pages may do.
//!
//! Browsers let any page send requests to any port. Three headers tell of it, and each has a gap:
//!
//! - `Origin` names the page, with every WebSocket handshake and every POST (all browsers since 2020), and wherever a
//!   script would read the answer across origins. Images, scripts, links and `no-cors` fetches are GETs without it, and
//!   so is what a page asks of its own host.
//! - `Sec-Fetch-Site`, `-Mode` and `-Dest` say of every request what it is for and from where, but only to hosts that
//!   browsers trust: TLS, `localhost`, `127.0.0.1`. Over plain HTTP to another address nothing says that an image is
//!   one.
//! - `Host` is a stranger's name where a page's own host name leads to the server's address (DNS rebinding). For the
//!   browser the page is the server's own then, and may read the answers.
//!
//! What that means for each route:
//!
//! | route | guarded by |
//! |---|---|
//! | all but the health checks | `Origin` that is not listed, `Sec-Fetch-*` of another site or of a part of a page: refused |
//! | `connect`, POST `send` | no more: no browser sends them without `Origin`, and clients may use any name of the server |
//! | GET `send` | a token must be configured: an image can name no secret |
//! | `receive`, `clients`, the page and its figures | without a token, only under a `Host` that no stranger can have |
//! | `receive` | the ids of messages cannot be guessed, so that an image cannot use one up |
//! | `/healthz`, `/readyz` | `Origin` alone: they tell one word, and change nothing |

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt, net::IpAddr};

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};
use subtle::ConstantTimeEq;

/// From where a browser's request comes, seen from the server: from another site or not.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// In which way a browser asks: for a script that reads the answer, or to show it.
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What the answer becomes in a browser.
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// A browser's request is the server's own page's, or somebody has typed its address.
const OWN_SITES: [&str; 2] = ["same-origin", "none"];
/// Ways of asking that do not show or run the answer. Node.js's `fetch` names one of these and no site.
const SCRIPTED_MODES: [&str; 3] = ["cors", "same-origin", "websocket"];
/// The answer becomes a part of no page.
const SCRIPTED_DESTINATIONS: [&str; 2] = ["empty", "websocket"];

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
    /// What becomes of all others.
    pub unlisted: Unlisted,
}

/// What becomes of a database that has no tokens of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unlisted {
    /// The general tokens open it. Where there are none, anybody may come in.
    #[default]
    Allow,
    /// Nobody may come in.
    Refuse,
}

impl Tokens {
    fn are_none(&self) -> bool {
        self.general.is_empty() && self.of_databases.is_empty() && self.unlisted == Unlisted::Allow
    }

    /// Those that open a database; `None`: anybody may come in.
    fn of(&self, db: &str) -> Option<&[Secret]> {
        match self.of_databases.get(db) {
            Some(own) => Some(own),
            None if self.unlisted == Unlisted::Refuse => Some(&[]),
            None if self.general.is_empty() => None,
            None => Some(&self.general),
        }
    }
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
        self.tokens.of(db).is_none_or(|tokens| is_one_of(tokens, offered))
    }

    /// Is there a token, or none needed, for this database? For whoever looks after the server, not for who wants to
    /// come in.
    pub fn serves(&self, db: &str) -> bool {
        self.tokens.unlisted == Unlisted::Allow || self.tokens.of_databases.contains_key(db)
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
                Sight::Server => !self.asks_token(sight),
                Sight::Database(db) => offers.into_iter().any(|offered| self.allows_token(db, offered)),
            }
    }

    /// A request that a web page has made is refused unless the page's origin is named and listed.
    pub fn allows_page(&self, headers: &HeaderMap) -> bool {
        if headers.contains_key(header::ORIGIN) {
            return origins(headers).all(|origin| self.is_listed(origin));
        }
        is_of_own_site(headers) && is_scripted_or_typed(headers)
    }

    /// As [`Access::allows_page`], for what the server's own page asks for and is made of. Browsers name its origin too
    /// in some requests: it is the page that came from this `Host`.
    pub fn allows_own_page(&self, headers: &HeaderMap) -> bool {
        let is_named = headers.contains_key(header::ORIGIN);
        self.allows_own_origin(headers) && (is_named || is_of_own_site(headers))
    }

    /// As [`Access::allows_own_page`], but only a page that is named is refused.
    pub fn allows_own_origin(&self, headers: &HeaderMap) -> bool {
        let own = headers.get(header::HOST).map(header::HeaderValue::as_bytes);
        origins(headers).all(|origin| self.is_listed(origin) || own.is_some() && authority(origin) == own)
    }

    /// The server may show this under this `Host`: a token protects it, or no page of a stranger can be under that
    /// name.
    pub fn allows_host(&self, sight: Sight<'_>, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST) else { return true };
        self.asks_token(sight) || host.to_str().is_ok_and(|host| self.is_own_name(host_name(host)))
    }

    /// Does it take a token to see this?
    pub fn asks_token(&self, sight: Sight<'_>) -> bool {
        match sight {
            Sight::Server => !self.tokens.are_none(),
            Sight::Database(db) => self.tokens.of(db).is_some(),
        }
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

fn origins(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers.get_all(header::ORIGIN).into_iter().map(header::HeaderValue::as_bytes)
}

/// The host and port of an origin.
fn authority(origin: &[u8]) -> Option<&[u8]> {
    std::str::from_utf8(origin).ok()?.split_once("://").map(|(_, authority)| authority.as_bytes())
}

/// No browser says that a page of another site has made the request. Browsers always name the site where they name the
/// way or the destination: where somebody has taken the site off, these have to do.
fn is_of_own_site(headers: &HeaderMap) -> bool {
    if headers.contains_key(SITE) { says_only(headers, SITE, &OWN_SITES) } else { is_scripted(headers) }
}

/// Parts of a page are the live page's business alone: its routes are not asked this.
fn is_scripted_or_typed(headers: &HeaderMap) -> bool {
    is_scripted(headers) || says_only(headers, MODE, &["navigate"]) && says_only(headers, DESTINATION, &["document"])
}

fn is_scripted(headers: &HeaderMap) -> bool {
    says_only(headers, MODE, &SCRIPTED_MODES) && says_only(headers, DESTINATION, &SCRIPTED_DESTINATIONS)
}

/// Every line of this header, if there is any, is one of these words.
fn says_only(headers: &HeaderMap, name: HeaderName, words: &[&str]) -> bool {
    headers.get_all(name).into_iter().all(|line| words.iter().any(|word| line.as_bytes() == word.as_bytes()))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
