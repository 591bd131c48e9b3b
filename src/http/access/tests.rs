//! Who is let in, and who is not.

use super::*;

fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), header::HeaderValue::from_static(value))).collect()
}

fn secrets(words: &[&str]) -> Vec<Secret> {
    words.iter().map(|word| Secret((*word).into())).collect()
}

fn tokens(general: &[&str], of_databases: &[(&str, &[&str])]) -> Tokens {
    let of_databases = of_databases.iter().map(|(db, words)| ((*db).into(), secrets(words))).collect();
    Tokens { general: secrets(general), of_databases, unlisted: Unlisted::Allow }
}

fn access(general: &[&str], of_databases: &[(&str, &[&str])]) -> Access {
    Access::new(tokens(general, of_databases), vec![], None)
}

fn access_to_listed(general: &[&str], of_databases: &[(&str, &[&str])]) -> Access {
    Access::new(Tokens { unlisted: Unlisted::Refuse, ..tokens(general, of_databases) }, vec![], None)
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
fn where_only_listed_databases_are_wanted_no_token_opens_another() {
    for access in [access_to_listed(&[], &[("own", &["special"])]), access_to_listed(&["general"], &[])] {
        for offered in [None, Some("undefined"), Some("special"), Some("general"), Some("")] {
            assert!(!access.allows_token("other", offered), "{offered:?}");
        }
        assert!(!access.allows_look(Sight::Database("other"), None, &HeaderMap::new()));
        assert!(!access.allows_look(Sight::Server, None, &HeaderMap::new()));
    }
    let access = access_to_listed(&[], &[("own", &["special"])]);
    assert!(access.allows_token("own", Some("special")));
    assert!(access.serves("own") && !access.serves("other"));
    assert!(!access_to_listed(&[], &[]).allows_look(Sight::Server, None, &HeaderMap::new()));
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
    assert!(access(&[], &[]).allows_page(&HeaderMap::new()));
    assert!(!access(&[], &[]).allows_page(&page));
    assert!(open.allows_page(&page));
    assert!(!open.allows_page(&headers(&[(header::ORIGIN, "null")])));
}

fn fetched(site: &'static str, mode: &'static str, destination: &'static str) -> HeaderMap {
    headers(&[(SITE, site), (MODE, mode), (DESTINATION, destination)])
}

#[test]
fn what_a_browser_sends_for_another_site_is_refused_without_an_origin_too() {
    let access = access(&[], &[]);
    for foreign in [
        fetched("cross-site", "no-cors", "image"),
        fetched("same-site", "no-cors", "script"),
        fetched("cross-site", "navigate", "document"),
        fetched("cross-site", "no-cors", "empty"),
        fetched("something-new", "cors", "empty"),
        headers(&[(SITE, "cross-site")]),
        headers(&[(SITE, "same-origin"), (SITE, "cross-site")]),
        headers(&[(MODE, "no-cors")]),
        headers(&[(MODE, "navigate")]),
        headers(&[(DESTINATION, "image")]),
        headers(&[(DESTINATION, "iframe")]),
    ] {
        assert!(!access.allows_page(&foreign), "{foreign:?}");
        assert!(!access.allows_own_page(&foreign), "{foreign:?}");
        assert!(access.allows_own_origin(&foreign), "{foreign:?}");
    }
}

#[test]
fn own_pages_typed_addresses_and_scripts_without_a_browser_are_let_in() {
    let access = access(&[], &[]);
    for own in
        [fetched("same-origin", "cors", "empty"), fetched("none", "navigate", "document"), headers(&[(MODE, "cors")])]
    {
        assert!(access.allows_page(&own) && access.allows_own_page(&own), "{own:?}");
    }
    let part = fetched("same-origin", "no-cors", "script");
    assert!(access.allows_own_page(&part) && !access.allows_page(&part));
}

#[test]
fn a_listed_page_may_fetch_but_its_images_name_no_origin() {
    let access = with_origin("https://example.com");
    let mut fetch = fetched("cross-site", "cors", "empty");
    assert!(!access.allows_page(&fetch));
    fetch.insert(header::ORIGIN, header::HeaderValue::from_static("https://example.com"));
    assert!(access.allows_page(&fetch));
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
    let allows = |host| access.allows_host(Sight::Server, &headers(&[(header::HOST, host)]));
    for own in
        ["localhost:80", "127.0.0.1:80", "[::1]:80", "hub:80", "hub.svc.cluster.local", "hub.example.com", "HUB.local."]
    {
        assert!(allows(own), "{own}");
    }
    assert!(allows("status.example.com"));
    for strange in ["evil.example:80", "127.0.0.1.evil.example", "local.evil.example"] {
        assert!(!allows(strange), "{strange}");
    }
    assert!(access.allows_host(Sight::Server, &HeaderMap::new()));
}

#[test]
fn with_a_token_any_name_will_do() {
    let page = headers(&[(header::HOST, "anything.example:80")]);
    assert!(access(&["secret"], &[]).allows_host(Sight::Server, &page));
    let only_own = access(&[], &[("own", &["special"])]);
    assert!(only_own.allows_host(Sight::Database("own"), &page));
    assert!(!only_own.allows_host(Sight::Database("other"), &page));
}
