//! A server that is one of several hubs: what it tells of the others and of their engine.

use std::time::Instant;

use super::{looking::get, *};
use crate::{
    cluster::{
        ClusterConfig,
        config::{DEFAULT_LEASE_TIME, DEFAULT_RENEW_EVERY},
        engine::{address::EngineAddress, redis::tests::redis},
    },
    hub::testing::Notebook,
    server::config::Secret,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn hub(name: &str, redis_port: u16) -> Config {
    let cluster = ClusterConfig {
        engine: EngineAddress::parse(&format!("redis://127.0.0.1:{redis_port}")).unwrap(),
        advertise: format!("{name}:9163"),
        secret: Secret("a secret of hubs".into()),
        name: Some(name.into()),
        lease_time: DEFAULT_LEASE_TIME,
        renew_every: DEFAULT_RENEW_EVERY,
    };
    Config { cluster: Some(cluster), ..config() }
}

fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < PATIENCE);
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_starts_without_its_engine_and_says_what_it_waits_for() {
    let told = Arc::new(Notebook::default());
    // Nobody listens there.
    let server = Server::start(hub("a", 1), told.clone()).unwrap();
    until(|| told.lines().contains(&"warning cluster-engine-lost".into()));
    let ready = get(&server, "/readyz");
    assert_eq!((ready.status, ready.body.contains("engine of the cluster")), (503, true), "{}", ready.body);
    for part in ["127.0.0.1:1: ", "refused", "Is cluster.engine its address"] {
        assert!(ready.body.contains(part), "{}", ready.body);
    }
    assert_eq!(get(&server, "/healthz").status, 200);
    let cluster = get(&server, "/status.json").json()["cluster"].take();
    assert_eq!((&cluster["name"], &cluster["engine"]["state"]), (&"a".into(), &"down".into()));
    assert!(cluster["engine"]["fault"].as_str().unwrap().contains("127.0.0.1:1"));
    assert!(get(&server, "/metrics").body.contains("acebase_ipc_cluster_engine_up 0"));
}

#[test]
fn who_has_no_token_does_not_learn_where_the_engine_is() {
    let told = Arc::new(Notebook::default());
    let config = Config { token: Some(Secret("token".into())), ..hub("a", 1) };
    let server = Server::start(config, told.clone()).unwrap();
    until(|| told.lines().contains(&"warning cluster-engine-lost".into()));
    let (stranger, owner) = (get(&server, "/readyz"), get(&server, "/readyz?t=token"));
    assert_eq!((stranger.status, owner.status), (503, 503));
    assert!(!stranger.body.contains("127.0.0.1") && stranger.body.contains("the log"), "{}", stranger.body);
    assert!(owner.body.contains("127.0.0.1:1: "), "{}", owner.body);
}

#[test]
fn hubs_know_each_other_and_whose_a_database_is() {
    let Some(redis) = redis("") else { return };
    let (a, b) =
        (Server::start(hub("a", redis.port), Arc::new(Deaf)), Server::start(hub("b", redis.port), Arc::new(Deaf)));
    let (a, b) = (a.unwrap(), b.unwrap());
    until(|| [&a, &b].iter().all(|server| get(server, "/readyz").status == 200));
    assert_eq!(get(&a, "/readyz").body, "ready\nengine: up");
    let _client = Transport::plain().connect(a.port(), RESUMABLE);
    let of = |server: &Server| get(server, "/status.json").json()["cluster"].take();
    until(|| of(&a)["databases"][0]["state"] == "here" && of(&b)["hubs"].as_array().unwrap().len() == 2);
    let row = of(&a)["databases"][0].take();
    assert_eq!((&row["db"], &row["owner"], &row["epoch"]), (&"db".into(), &"a".into(), &1.into()));
    assert!(row["leaseAgeMs"].as_u64().unwrap() < 3_000);
    let metrics = get(&a, "/metrics").body;
    for line in ["cluster_engine_up 1", "cluster_hubs 2", "cluster_owned_databases 1", "cluster_relayed_clients 0"] {
        assert!(metrics.contains(&format!("acebase_ipc_{line}\n")), "{line}");
    }
    a.stop();
}

#[test]
fn without_other_hubs_nothing_is_told_of_them() {
    let server = Transport::plain().start();
    assert_eq!(get(&server, "/readyz").body, "ready");
    assert!(get(&server, "/status.json").json().get("cluster").is_none());
    assert!(!get(&server, "/metrics").body.contains("acebase_ipc_cluster"));
}
