//! Looking at a server over HTTP: what is shown, to whom.

use std::{collections::HashMap, sync::mpsc};

use serde_json::Value;

use super::*;
use crate::{
    http::access::Unlisted,
    hub::event::{Event, Observer},
    server::config::Secret,
};

/// An answer: its status, and all of it as text.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(header))
    }
}

pub fn get(server: &Server, target: &str) -> Answer {
    ask(server, target, &[("host", "localhost")])
}

fn ask(server: &Server, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(socket, "GET {target} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn start(config: Config) -> Server {
    Server::start(config, Arc::new(Deaf)).unwrap()
}

fn secrets(words: &[&str]) -> Vec<Secret> {
    words.iter().map(|word| Secret((*word).into())).collect()
}

#[test]
fn the_page_is_shown_and_may_load_nothing_from_elsewhere() {
    let server = start(Config { token: Some(Secret("secret".into())), ..config() });
    for path in ["/", "/page.mjs", "/page.css", "/uplot.js"] {
        let answer = get(&server, path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.has("cache-control: no-store") && answer.has("x-content-type-options: nosniff"), "{path}");
        assert!(answer.head.contains("content-security-policy: default-src 'none'"), "{path}");
        assert!(!answer.body.contains("secret"));
    }
    server.stop();
}

#[test]
fn without_the_page_its_figures_stay() {
    let server = start(Config { dashboard: false, ..config() });
    assert_eq!(get(&server, "/").status, 404);
    assert_eq!(get(&server, "/page.mjs").status, 404);
    assert_eq!(get(&server, "/status.json").status, 200);
    server.stop();
}

#[test]
fn the_status_tells_of_databases_events_and_the_last_seconds() {
    let transport = Transport::plain();
    let server = transport.start();
    let _client = transport.connect(server.port(), RESUMABLE);
    sleep(Duration::from_millis(1_200));
    let status = get(&server, "/status.json").json();
    assert_eq!(status["server"]["stopping"], false);
    assert_eq!(status["databases"][0]["name"], "db");
    assert_eq!(status["databases"][0]["peers"][0]["id"], RESUMABLE);
    assert_eq!(status["databases"][0]["peers"][0]["role"], "worker");
    assert_eq!(status["countsOf"]["db"]["connects"], 1);
    assert_eq!(status["events"][0]["kind"], "connect");
    assert_eq!(status["history"]["databases"]["db"]["peers"][0], 1);

    let now = &status["server"]["now"];
    let later = get(&server, &format!("/status.json?since={now}")).json();
    assert_eq!(later["events"], serde_json::json!([]));

    let other = get(&server, "/status.json?db=other").json();
    assert_eq!((&other["databases"], &other["events"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert!(!other.to_string().contains(RESUMABLE) && other.get("counts").is_none());
    server.stop();
}

#[test]
fn a_token_is_needed_where_there_is_one_but_not_by_probes() {
    let server = start(Config { token: Some(Secret("old".into())), tokens: secrets(&["new"]), ..config() });
    for path in ["/status.json", "/metrics"] {
        assert_eq!(get(&server, path).status, 401);
        assert_eq!(get(&server, &format!("{path}?t=wrong")).status, 401);
        for token in ["old", "new"] {
            assert_eq!(get(&server, &format!("{path}?t={token}")).status, 200);
        }
        assert_eq!(ask(&server, path, &[("host", "any.example"), ("authorization", "Bearer new")]).status, 200);
    }
    assert_eq!(get(&server, "/healthz").status, 200);
    assert_eq!(get(&server, "/readyz").status, 200);
    server.stop();
}

#[test]
fn a_token_of_a_database_opens_that_database_only() {
    let database_tokens = Some(HashMap::from([("db".to_owned(), secrets(&["special"]))]));
    let server = start(Config { tokens: secrets(&["general"]), database_tokens, ..config() });
    assert_eq!(get(&server, "/status.json?t=special").status, 401);
    assert_eq!(get(&server, "/status.json?db=db&t=special").status, 200);
    assert_eq!(get(&server, "/status.json?db=other&t=special").status, 401);
    assert_eq!(get(&server, "/status.json?t=general").status, 200);
    assert_eq!(get(&server, "/db/clients?t=general").status, 401);
    assert_eq!(get(&server, "/db/clients?t=special").status, 200);
    assert_eq!(get(&server, "/other/clients?t=general").status, 200);
    server.stop();
}

#[test]
fn databases_that_are_not_listed_are_refused_unless_a_general_token_or_a_choice_says_otherwise() {
    let listed = || Some(HashMap::from([("db".to_owned(), secrets(&["special"]))]));
    let status = |config: Config, target| {
        let server = start(config);
        let status = get(&server, target).status;
        server.stop();
        status
    };
    let of = |token: &[&str], database_tokens, unlisted_databases| Config {
        tokens: secrets(token),
        database_tokens,
        unlisted_databases,
        ..config()
    };
    assert_eq!(status(of(&[], listed(), None), "/other/clients"), 401);
    assert_eq!(status(of(&[], Some(HashMap::new()), None), "/other/clients"), 401);
    assert_eq!(status(of(&[], listed(), Some(Unlisted::Allow)), "/other/clients"), 200);
    assert_eq!(status(of(&["general"], listed(), None), "/other/clients?t=general"), 200);
    assert_eq!(status(of(&["general"], listed(), Some(Unlisted::Refuse)), "/other/clients?t=general"), 401);
    assert_eq!(status(of(&[], None, None), "/other/clients"), 200);
}

#[test]
fn pages_of_strangers_see_nothing() {
    let server = start(config());
    let of = |host, origin: &[(&'static str, &'static str)]| {
        ask(&server, "/status.json", &[&[("host", host)], origin].concat()).status
    };
    assert_eq!(of("localhost:80", &[("origin", "http://localhost:80")]), 200);
    assert_eq!(of("localhost:80", &[("origin", "http://evil.example")]), 403);
    assert_eq!(of("evil.example:80", &[]), 403);
    assert_eq!(of("evil.example:80", &[("origin", "http://evil.example:80")]), 403);
    server.stop();
}

#[test]
fn a_server_is_ready_for_a_database_when_its_master_is_there() {
    let transport = Transport::plain();
    let server = transport.start();
    assert_eq!(get(&server, "/readyz?db=db").status, 503);
    let _worker = transport.connect(server.port(), RESUMABLE);
    assert_eq!(get(&server, "/readyz?db=db").status, 503);
    let _master = transport.connect(server.port(), "[master]");
    assert_eq!(get(&server, "/readyz?db=db").status, 200);
    assert_eq!(get(&server, "/readyz?db=other").status, 503);
    server.stop();
}

#[test]
fn metrics_count_what_is_refused() {
    let server = start(Config { token: Some(Secret("secret".into())), ..config() });
    let upgrade = [("host", "localhost"), ("upgrade", "websocket"), ("connection", "upgrade")];
    for (query, status) in [("v=1&id=client&t=no", 403), ("v=2&id=client&t=secret", 409), ("v=1&id=x&t=secret", 500)] {
        assert_eq!(ask(&server, &format!("/db/connect?{query}"), &upgrade).status, status);
    }
    let metrics = get(&server, "/metrics?t=secret");
    assert!(metrics.has("content-type: text/plain; version=0.0.4; charset=utf-8"));
    for reason in ["token-wrong", "version", "id"] {
        assert!(metrics.body.contains(&format!("acebase_ipc_refusals_total{{reason=\"{reason}\"}} 1\n")));
    }
    assert!(!metrics.body.contains("secret"));
    server.stop();
}

#[test]
fn other_methods_are_refused_and_the_protocols_routes_are_untouched() {
    let server = start(config());
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    write!(socket, "POST /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 405"), "{text}");
    assert_eq!(get(&server, "/metrics/clients").body, "[]");
    server.stop();
}

/// An observer that hands on what it is told.
struct Channel(mpsc::Sender<Event>);

impl Observer for Channel {
    fn event(&self, event: Event) {
        let _ = self.0.send(event);
    }
}

#[test]
fn what_the_coordinator_says_is_traced_too() {
    let transport = Transport::plain();
    let (sender, events) = mpsc::channel();
    let server = Server::start(config(), Arc::new(Channel(sender))).unwrap();
    server.hub().trace("db", Some(RESUMABLE), true);
    let _master = transport.connect(server.port(), "[master]");
    let _worker = transport.connect(server.port(), RESUMABLE);
    let traced = events.iter().find_map(|event| if let Event::Trace(trace) = event { Some(trace) } else { None });
    let trace = traced.unwrap();
    assert_eq!((trace.from.as_deref(), trace.to.as_deref()), (None, Some(RESUMABLE)));
    assert_eq!(trace.fate.name(), "posted");
    assert!(trace.text.starts_with(r#"{"type":"hello""#), "{}", trace.text);
    server.stop();
}
