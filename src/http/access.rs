//! Who may come in: the token, and the `Origin` of web pages.

use hyper::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// The server's rules of access. Never shown in logs: it holds the token.
pub struct Access {
    token: Option<String>,
    allowed_origins: Vec<String>,
}

impl Access {
    /// `token`: what clients must know, if anything. `allowed_origins`: web pages that may connect, as browsers name them
    /// (`https://example.com`); none by default.
    pub fn new(token: Option<String>, allowed_origins: Vec<String>) -> Self {
        Self { token, allowed_origins }
    }

    /// Is this the token? Takes the same time wherever it differs. Without a configured token any will do.
    pub fn allows_token(&self, offered: Option<&str>) -> bool {
        let Some(token) = &self.token else { return true };
        offered.is_some_and(|offered| bool::from(offered.as_bytes().ct_eq(token.as_bytes())))
    }

    /// As [`Access::allows_token`], with the token in the query or as a bearer token in the headers.
    pub fn allows_request(&self, query: Option<&str>, headers: &HeaderMap) -> bool {
        self.allows_token(query) || self.allows_token(bearer(headers))
    }

    /// A request from a web page is refused unless the page's origin is listed: browsers let any page reach local ports.
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::ORIGIN).iter().all(|origin| {
            let listed = |allowed: &String| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
            self.allowed_origins.iter().any(listed)
        })
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

    #[test]
    fn without_a_token_everybody_may_come_in() {
        let access = Access::new(None, vec![]);
        assert!(access.allows_token(None));
        assert!(access.allows_token(Some("undefined")));
    }

    #[test]
    fn the_token_must_be_equal() {
        let access = Access::new(Some("secret".into()), vec![]);
        assert!(access.allows_token(Some("secret")));
        for wrong in [None, Some(""), Some("secre"), Some("secret!"), Some("undefined")] {
            assert!(!access.allows_token(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_bearer_token_is_as_good() {
        let access = Access::new(Some("secret".into()), vec![]);
        assert!(access.allows_request(None, &headers(&[(header::AUTHORIZATION, "Bearer secret")])));
        assert!(access.allows_request(None, &headers(&[(header::AUTHORIZATION, "bearer secret")])));
        assert!(!access.allows_request(None, &headers(&[(header::AUTHORIZATION, "Basic secret")])));
    }

    #[test]
    fn web_pages_are_refused_unless_listed() {
        let closed = Access::new(None, vec![]);
        let open = Access::new(None, vec!["https://Example.com".into()]);
        let page = headers(&[(header::ORIGIN, "https://example.com")]);
        assert!(closed.allows_origin(&HeaderMap::new()));
        assert!(!closed.allows_origin(&page));
        assert!(open.allows_origin(&page));
        assert!(!open.allows_origin(&headers(&[(header::ORIGIN, "null")])));
    }
}
