//! What a client sees whose hub has not got its database: what it would see at the one that has.

use super::*;

#[test]
fn a_client_is_relayed_to_the_hub_that_has_its_database() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let mut second = hubs.connect(&other, "second");
    hear(&mut first, "connect:second");
    say(&mut second, "to:first;there");
    hear(&mut first, "there");
    say(&mut first, "to:second;and back");
    hear(&mut second, "and back");
    say(&mut second, "ping");
    hear(&mut second, "pong");
    let via = |name: &str| Some(name.to_owned());
    assert_eq!(owner.clients(), [("first".into(), None), ("second".into(), via("other"))]);
    assert_eq!(other.clients(), []);
    let relayed: Vec<_> = other.cluster.relay.relayed.of("db");
    assert_eq!((&*relayed[0].id, relayed[0].owner.as_deref()), ("second", Some(owner.name)));
    assert_eq!(other.cluster.registry.relayed(), 1);
    // As the owner sees it, the client is where it is.
    let seen = owner.office.clients("db").into_iter().find(|client| &*client.id == "second").unwrap().remote;
    assert_eq!(seen, second.get_ref().socket().local_addr().ok());
}

#[test]
fn a_client_of_any_hub_gets_in_whoever_takes_the_database() {
    let hubs = Hubs::plain();
    let all = [hubs.start("hub-a"), hubs.start("hub-b"), hubs.start("hub-c")];
    let mut clients: Vec<_> = all.iter().map(|hub| hubs.connect(hub, hub.name)).collect();
    let owners = all.iter().filter(|hub| matches!(hub.cluster.registry.look("db"), Whereabouts::Here { .. }));
    assert_eq!(owners.count(), 1);
    say(&mut clients[0], "hello");
    for client in &mut clients[1..] {
        hear(client, "hello");
    }
}

/// Large frames, both ways, over whatever is outside.
fn moves_bytes_as_they_are(mut transport: Transport) {
    const LEN: usize = 4 * 1024 * 1024;

    transport.config.max_payload = Some(2 * LEN);
    let hubs = Hubs::over(transport);
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let mut second = hubs.connect(&other, "second");
    let text = |salt: usize| (0..LEN).map(|at| char::from(b' ' + ((at * 31 + salt) % 90) as u8)).collect::<String>();
    for round in 0..3 {
        let (up, down) = (text(round), text(round + 50));
        let writing = thread::spawn({
            let message = format!("to:first;{up}");
            move || {
                say(&mut second, message);
                second
            }
        });
        hear(&mut first, &up);
        second = writing.join().unwrap();
        let writing = thread::spawn({
            let message = format!("to:second;{down}");
            move || {
                say(&mut first, message);
                first
            }
        });
        hear(&mut second, &down);
        first = writing.join().unwrap();
    }
}

#[test]
fn what_is_relayed_arrives_as_it_was() {
    moves_bytes_as_they_are(Transport::plain());
}

#[test]
fn what_is_relayed_arrives_as_it_was_over_tls() {
    moves_bytes_as_they_are(Transport::tls());
}

#[test]
fn a_relayed_client_that_does_not_read_makes_the_owner_wait_and_not_the_relay() {
    const MESSAGES: usize = 60;
    const LEN: usize = 1024 * 1024;

    let mut transport = Transport::plain();
    transport.config.max_payload = Some(2 * LEN);
    let hubs = Hubs::over(transport);
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let mut slow = hubs.connect(&other, "unhurried");
    for number in 0..MESSAGES {
        say(&mut first, format!("to:unhurried;{number:06}{}", "x".repeat(LEN)));
    }
    say(&mut first, "ping");
    hear(&mut first, "pong");
    let waiting = || owner.office.clients("db").iter().find(|client| &*client.id == "unhurried").unwrap().queued;
    // What the kernels of three sockets take is not the owner's any more: some megabytes each.
    sleep(Duration::from_millis(300));
    assert!(waiting() > MESSAGES / 2 * LEN, "{} bytes wait", waiting());
    for number in 0..MESSAGES {
        let text = loop {
            let text = read(&mut slow);
            if text.len() > LEN {
                break text;
            }
        };
        assert_eq!(text[..6].parse(), Ok(number));
    }
    assert_eq!(waiting(), 0);
}

#[test]
fn large_messages_and_questions_beside_the_connection_are_relayed_too() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let mut first = hubs.connect(&owner, "first");
    let _second = hubs.connect(&other, "second");
    let large = "y".repeat(300_000);
    let (status, _) = other.ask("POST /db/send?id=second&t=undefined", &[], &format!("to:first;{large}"));
    assert_eq!(status, 200);
    hear(&mut first, &large);
    assert_eq!(other.ask("POST /db/send?id=nobody", &[], "to:first;hello").0, 401);
    assert_eq!(other.ask("GET /db/receive?id=second&msg=none", &[], "").0, 404);
    let (status, rows) = other.ask("GET /db/clients", &[], "");
    assert_eq!(status, 200);
    let rows: serde_json::Value = serde_json::from_str(&rows).unwrap();
    let second = rows.as_array().unwrap().iter().find(|row| row["id"] == "second").unwrap();
    assert_eq!(second["via"], "other");
}

#[test]
fn how_a_database_is_any_hub_tells_to_who_may_see_it() {
    let mut transport = Transport::plain();
    transport.config.token = Some(Secret("secret".into()));
    let hubs = Hubs::over(transport);
    let (owner, other) = (hubs.start("owner"), hubs.start("other"));
    owner.ask("GET /db/clients?t=secret", &[], "");
    owner.has_it();
    other.ask("GET /db/clients?t=secret", &[], "");
    let url = "ws://localhost/db/connect?v=1.0.0&id=first&t=secret";
    let _first = client(url, hubs.transport.open(owner.port)).unwrap();
    until(|| !owner.clients().is_empty());
    let (status, report) = other.ask("GET /status.json?db=db&t=secret", &[], "");
    assert_eq!(status, 200);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["cluster"]["name"], "owner");
    assert_eq!(report["databases"][0]["peers"][0]["id"], "first");
    assert_eq!(other.ask("GET /status.json?db=db", &[], "").0, 401);
    assert_eq!(other.ask("GET /status.json?db=db&t=secret", &[("origin", "http://elsewhere.example")], "").0, 403);
}

#[test]
fn a_hub_is_ready_for_a_database_where_the_one_that_has_it_is() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let _client = hubs.connect(&other, "second");
    let ready = |hub: &Hub| hub.ask("GET /readyz?db=db", &[], "").0;
    assert_eq!((ready(&owner), ready(&other)), (503, 503));
    let _master = hubs.connect(&owner, "%5Bmaster%5D");
    until(|| ready(&owner) == 200);
    assert_eq!(ready(&other), 200);
}

#[test]
fn a_message_that_is_too_large_is_refused_at_the_first_hub() {
    let mut transport = Transport::plain();
    transport.config.max_message_size = 100_000;
    let hubs = Hubs::over(transport);
    let (_owner, other) = hubs.two();
    let _second = hubs.connect(&other, "second");
    let (status, _) = other.ask("POST /db/send?id=second", &[], &"z".repeat(100_001));
    assert_eq!(status, 413);
    until(|| other.log.refused.lock().iter().any(|refusal| refusal.reason == "message"));
}

#[test]
fn the_token_is_asked_for_where_the_client_comes_in() {
    let mut transport = Transport::plain();
    transport.config.token = Some(Secret("secret".into()));
    let hubs = Hubs::over(transport);
    let (owner, other) = (hubs.start("owner"), hubs.start("other"));
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")];
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let headers = [&upgrade[..], &[key]].concat();
    for target in ["/db/connect?v=1.0.0&id=second", "/db/connect?v=1.0.0&id=second&t=wrong"] {
        assert_eq!(other.ask(&format!("GET {target}"), &headers, "").0, 403, "{target}");
    }
    assert_eq!(other.ask("POST /db/send?id=second", &[], "hello").0, 401);
    assert_eq!(other.ask("GET /db/clients", &[], "").0, 401);
    let of = |hub: &Hub| hub.log.refused.lock().len();
    assert!(of(&other) > 0 && of(&owner) == 0);
    assert_eq!(other.ask("GET /db/clients?t=secret", &[], "").0, 200);
}

/// What the owner decides, the client hears as if it had come there: `409` and `500` end the published ones.
#[test]
fn an_owners_refusal_is_the_clients() {
    let hubs = Hubs::plain();
    let (owner, other) = hubs.two();
    let headers = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    // The id is one of the server's own.
    let target = "GET /db/connect?v=1.0.0&id=acebase-ipc-server&t=undefined";
    let (direct, relayed) = (owner.ask(target, &headers, ""), other.ask(target, &headers, ""));
    assert_eq!(direct.0, relayed.0);
    assert_eq!(direct.1, relayed.1);
    assert_ne!(direct.0, 101);
}
