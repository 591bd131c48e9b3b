//! What hubs ask each other, and who is believed to be one.

use super::*;
use crate::{clock, cluster::credentials::HEADER};

const CLIENTS: &str = "/db/clients";

fn sign(hub: &Hub, method: &str, target: &str) -> String {
    hub.credentials().sign(clock::unix_millis(), method, target, None)
}

#[test]
fn a_hub_that_has_not_got_a_database_says_so_and_passes_nothing_on() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    assert_eq!(owner.ask("GET /db/clients", &[(HEADER, &sign(&owner, "GET", CLIENTS))], "").0, 200);
    assert_eq!(other.ask("GET /db/clients", &[(HEADER, &sign(&other, "GET", CLIENTS))], "").0, 421);
}

#[test]
fn what_was_forged_used_or_made_for_another_request_is_refused_and_told() {
    let mut transport = Transport::plain();
    transport.config.token = Some(Secret("secret".into()));
    let hubs = Hubs::over(transport);
    let owner = hubs.start("owner");
    owner.ask("GET /db/clients?t=secret", &[], "");
    owner.has_it();
    let good = sign(&owner, "GET", CLIENTS);
    let ask = |value: &str| owner.ask("GET /db/clients", &[(HEADER, value)], "").0;
    assert_eq!(ask(&good), 200);
    assert_eq!(ask(&good), 403);
    let now = clock::unix_millis();
    for bad in [
        "nonsense".to_owned(),
        String::new(),
        sign(&owner, "GET", "/other/clients"),
        sign(&owner, "POST", CLIENTS),
        Credentials::new("another secret", "owner").sign(now, "GET", CLIENTS, None),
        owner.credentials().sign(now - 60_000, "GET", CLIENTS, None),
        good.replace("a hub of the tests", "another hub"),
    ] {
        assert_eq!(ask(&bad), 403, "{bad}");
    }
    let fresh = sign(&owner, "GET", CLIENTS);
    assert_eq!(owner.ask("GET /db/clients", &[(HEADER, &fresh), (HEADER, &fresh)], "").0, 403);
    assert!(owner.log.refused.lock().iter().any(|refusal| refusal.reason == "hub" && refusal.status == 403));
}

#[test]
fn a_server_that_is_no_hub_of_a_cluster_takes_nobodys_word() {
    let mut transport = Transport::plain();
    transport.config.token = Some(Secret("secret".into()));
    let server = transport.start();
    let value = Credentials::new(SECRET, "a").sign(clock::unix_millis(), "GET", CLIENTS, None);
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).unwrap();
    write!(socket, "GET {CLIENTS} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{HEADER}: {value}\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop();
}

#[test]
fn hubs_with_different_secrets_do_not_relay_and_say_why() {
    let hubs = Hubs::plain();
    let (owner, _) = hubs.two();
    let stranger = hubs.start_with("stranger", hubs.transport.config.clone(), "another secret");
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, stranger.port)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let url = "ws://localhost/db/connect?v=1.0.0&id=second&t=undefined";
    let (_waiting, _) = client(url, Stream::Plain(socket)).unwrap();
    until(|| stranger.log.warned.lock().contains(&"hub-credentials"));
    assert!(owner.log.refused.lock().iter().any(|refusal| refusal.reason == "hub"));
    assert!(owner.clients().iter().all(|(id, _)| id != "second"));
}

#[test]
fn hubs_ask_each_other_whether_they_see_the_engine() {
    let hubs = Hubs::plain();
    let (owner, _other) = hubs.two();
    let target = "/cluster/engine";
    let ask = || owner.ask("GET /cluster/engine", &[(HEADER, &sign(&owner, "GET", target))], "");
    assert_eq!(ask(), (200, "up".into()));
    hubs.engine.set_down(true);
    until(|| ask() == (200, "down".into()));
    assert_eq!(owner.ask("GET /cluster/engine", &[], "").0, 404);
}

#[test]
fn hubs_tell_each_other_who_has_a_database_and_ask_nobody_for_it() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    drop(hubs.connect(&other, "second"));
    let ask = |hub: &Hub, db: &str| {
        let target = format!("/cluster/owner?db={db}");
        hub.ask(&format!("GET {target}"), &[(HEADER, &sign(hub, "GET", &target))], "")
    };
    let told = format!(r#"{{"name":"owner","address":"localhost:{}","epoch":1}}"#, owner.port);
    assert_eq!([ask(&owner, "db"), ask(&other, "db")], [(200, told.clone()), (200, told)]);
    assert_eq!(ask(&other, "unknown").0, 404);
    assert_eq!(other.cluster.registry.peek("unknown"), None);
    assert_eq!(owner.ask("GET /cluster/owner?db=db", &[], "").0, 404);
}

#[test]
fn an_engine_that_all_hubs_miss_moves_nobody() {
    // They have half a second to tell each other, and this machine may be busy.
    let lease = 3 * LEASE;
    let hubs = Hubs::with(Transport::plain(), lease);
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let mut second = hubs.connect(&other, "second");
    hear(&mut first, "connect:second");
    hubs.engine.set_down(true);
    sleep(2 * lease);
    say(&mut second, "to:first;still here");
    hear(&mut first, "still here");
    hubs.engine.set_down(false);
    sleep(lease);
    say(&mut first, "to:second;and now");
    hear(&mut second, "and now");
    owner.has_it();
}
