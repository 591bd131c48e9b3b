//! With real servers, where there are such on this machine: each on a free port of the loopback.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use super::*;
use crate::cluster::engine::memory::MemoryEngine;

const LEASE: Duration = Duration::from_millis(900);
const LIMIT: Duration = Duration::from_millis(500);

/// How long servers may take to start, and Sentinels to find out.
const PATIENCE: Duration = Duration::from_secs(40);

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A server, in a folder of its own; ended with the test.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `None`: there is no such program here, which is told.
fn start(program: &str, port: u16, settings: &str) -> Option<Server> {
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("acebase-ipc-redis-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("server.conf");
    fs::write(&file, format!("port {port}\nbind 127.0.0.1\ndir {}\n{settings}\n", folder.display())).unwrap();
    let started = Command::new(program).arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(child) = started else {
        eprintln!("left out: there is no {program} on this machine");
        let _ = fs::remove_dir_all(&folder);
        return None;
    };
    Some(Server { child, port, folder })
}

/// `None`: there is none on this machine, which is told.
pub fn redis(settings: &str) -> Option<Server> {
    start("redis-server", free_port(), &format!("save \"\"\nappendonly no\n{settings}"))
}

fn engine(address: &str) -> RedisEngine {
    RedisEngine::new(EngineAddress::parse(address).unwrap(), LEASE, LIMIT)
}

fn at(server: &Server) -> RedisEngine {
    engine(&format!("redis://127.0.0.1:{}", server.port))
}

fn member(name: &str) -> Member {
    Member { name: name.into(), address: format!("{name}:9163"), life: format!("{name}-1") }
}

fn wanted(dbs: &[&str]) -> Vec<Wanted> {
    dbs.iter().map(|db| Wanted { db: (*db).into(), seen: 0 }).collect()
}

fn lease(db: &str, epoch: u64) -> Lease {
    (db.into(), epoch)
}

/// Until it answers.
async fn claim(engine: &dyn Engine, dbs: &[&str], mode: Mode, me: &Member) -> Vec<Claim> {
    let started = Instant::now();
    loop {
        match engine.claim(&wanted(dbs), mode, me).await {
            Ok(claims) => return claims,
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn without_time(claims: Vec<Claim>) -> Vec<Claim> {
    let forget = |claim| match claim {
        Claim::Foreign { owner, left } => {
            assert!(left <= LEASE && left > LEASE / 3, "{left:?}");
            Claim::Foreign { owner, left: Duration::ZERO }
        }
        other => other,
    };
    claims.into_iter().map(forget).collect()
}

/// What both engines answer to the same questions.
async fn conversation(engine: &dyn Engine) -> Vec<String> {
    let (a, b) = (member("a"), member("b"));
    let mut said = Vec::new();
    let mut say = |answer: String| said.push(answer);
    say(format!("{:?}", without_time(claim(engine, &["x", "y y"], Mode::Look, &a).await)));
    say(format!("{:?}", without_time(claim(engine, &["x", "y y"], Mode::Take, &a).await)));
    say(format!("{:?}", without_time(claim(engine, &["y y", "z"], Mode::Take, &b).await)));
    say(format!("{:?}", engine.renew(&[lease("x", 1), lease("z", 1), lease("new", 7)], &a).await));
    say(format!("{:?}", engine.renew(&[lease("new", 3), lease("x", 2)], &b).await));
    say(format!("{:?}", engine.renew(&[lease("x", 1)], &a).await));
    say(format!("{:?}", engine.pass(&lease("x", 2), &b, &a).await));
    say(format!("{:?}", engine.pass(&lease("x", 2), &b, &a).await));
    say(format!("{:?}", engine.release(&[lease("x", 2), lease("y y", 1)], &a).await));
    let high = [Wanted { db: "y y".into(), seen: 40 }];
    say(format!("{:?}", engine.claim(&high, Mode::Take, &b).await));
    say(format!("{:?}", without_time(claim(engine, &["x", "z"], Mode::Take, &a).await)));
    say(format!("{:?}", without_time(claim(engine, &["x"], Mode::Take, &a).await)));
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
    say(format!("{:?}", without_time(claim(engine, &["x", "z"], Mode::Look, &b).await)));
    say(format!("{:?}", engine.renew(&[lease("z", 1)], &b).await));
    say(format!("{:?}", engine.announce(&a).await));
    say(format!("{:?}", engine.announce(&b).await.map(|all| all.len())));
    said
}

#[tokio::test]
async fn it_answers_as_the_engine_in_memory_does() {
    let Some(server) = redis("") else { return };
    let (redis, memory) = (at(&server), MemoryEngine::new(LEASE));
    let (of_redis, of_memory) = (conversation(&redis).await, conversation(&memory).await);
    assert_eq!(of_redis, of_memory);
}

#[tokio::test]
async fn clusters_of_other_names_know_nothing_of_each_other() {
    let Some(server) = redis("") else { return };
    let other = engine(&format!("redis://127.0.0.1:{}/0?cluster=other", server.port));
    for engine in [&at(&server), &other] {
        assert_eq!(claim(engine, &["x"], Mode::Take, &member("a")).await, [Claim::Mine { epoch: 1 }]);
        assert_eq!(engine.announce(&member("a")).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_password_and_a_user_are_sent_and_a_wrong_one_is_told_without_it() {
    let Some(server) = redis("requirepass p@ss\nuser ipc on >hush allkeys allcommands") else { return };
    for credentials in [":p%40ss", "ipc:hush"] {
        let engine = engine(&format!("redis://{credentials}@127.0.0.1:{}/2", server.port));
        claim(&engine, &["x"], Mode::Look, &member("a")).await;
    }
    let wrong = engine(&format!("redis://:terrible@127.0.0.1:{}", server.port));
    let EngineError(fault) = wrong.claim(&wanted(&["x"]), Mode::Take, &member("a")).await.unwrap_err();
    assert!(fault.contains("127.0.0.1") && fault.to_lowercase().contains("password"), "{fault}");
    assert!(!fault.contains("terrible"), "{fault}");
}

#[tokio::test]
async fn a_server_that_is_restarted_or_stands_still_is_an_error_in_time_and_then_answers_again() {
    let Some(mut server) = redis("") else { return };
    let (engine, me) = (at(&server), member("a"));
    claim(&engine, &["x"], Mode::Take, &me).await;
    signal(&server, "STOP");
    let asked = Instant::now();
    let EngineError(fault) = engine.renew(&[lease("x", 1)], &me).await.unwrap_err();
    assert!(asked.elapsed() < LIMIT + LIMIT / 2, "{:?}", asked.elapsed());
    assert!(fault.contains("no answer in 500 ms"), "{fault}");
    signal(&server, "CONT");
    claim(&engine, &["x"], Mode::Look, &me).await;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let EngineError(_) = engine.renew(&[lease("x", 1)], &me).await.unwrap_err();
    let EngineError(fault) = engine.renew(&[lease("x", 1)], &me).await.unwrap_err();
    assert!(fault.contains("refused"), "{fault}");
    let port = server.port;
    let _again = start("redis-server", port, "save \"\"").unwrap();
    // Its memory is empty.
    assert_eq!(claim(&engine, &["x"], Mode::Look, &me).await, [Claim::Vacant]);
    assert_eq!(engine.renew(&[lease("x", 9)], &me).await, Ok(vec![Renewal::Renewed]));
}

#[tokio::test]
async fn a_server_that_stood_still_does_no_claim_that_nobody_waits_for_any_more() {
    let Some(server) = redis("") else { return };
    let (engine, me) = (at(&server), member("a"));
    claim(&engine, &["x"], Mode::Look, &me).await;
    signal(&server, "STOP");
    assert!(engine.claim(&wanted(&["x"]), Mode::Take, &me).await.is_err());
    signal(&server, "CONT");
    assert_eq!(claim(&at(&server), &["x"], Mode::Look, &member("b")).await, [Claim::Vacant]);
    // Also one that was sent just before.
    let mut late = engine.script(scripts::CLAIM, [Arc::from("x")].iter(), &me);
    late.arg("take").arg(engine.time().await.unwrap() - 1).arg(0).arg(0);
    assert!(engine.ask::<Vec<Vec<String>>>(late).await.unwrap_err().0.contains("too long ago"));
    assert_eq!(claim(&engine, &["x"], Mode::Look, &member("b")).await, [Claim::Vacant]);
}

/// As if the server's clock had been set back by an hour since the record was made.
async fn make_last_for_an_hour(engine: &RedisEngine, db: &str) {
    let mut lasting = cmd("PEXPIRE");
    lasting.arg(engine.key("owner", db)).arg(3_600_000);
    assert_eq!(engine.ask::<i64>(lasting).await, Ok(1));
}

#[tokio::test]
async fn a_record_that_lasts_too_long_because_the_clock_was_set_back_lasts_one_lease_more() {
    let Some(server) = redis("") else { return };
    let (engine, dead, next) = (at(&server), member("a"), member("b"));
    claim(&engine, &["x"], Mode::Take, &dead).await;
    make_last_for_an_hour(&engine, "x").await;
    let told = claim(&engine, &["x"], Mode::Take, &next).await;
    assert!(matches!(&told[..], [Claim::Foreign { left, .. }] if *left <= LEASE), "{told:?}");
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
    assert_eq!(claim(&engine, &["x"], Mode::Take, &next).await, [Claim::Mine { epoch: 2 }]);
}

#[tokio::test]
async fn a_hub_that_seems_to_live_too_long_because_the_clock_was_set_back_does_so_for_three_leases_more() {
    let Some(server) = redis("") else { return };
    let engine = at(&server);
    claim(&engine, &["x"], Mode::Look, &member("b")).await;
    let in_an_hour = engine.time().await.unwrap() + 3_600_000;
    let mut dead = cmd("ZADD");
    dead.arg(engine.key("hubs", "all")).arg(in_an_hour).arg("a-1 a a:9163");
    assert_eq!(engine.ask::<i64>(dead).await, Ok(1));
    assert_eq!(engine.announce(&member("b")).await.map(|all| all.len()), Ok(2));
    let told = Instant::now();
    // Else nothing is left of which that hub could be a part.
    while told.elapsed() < LEASE * LIVES_FOR_LEASES {
        tokio::time::sleep(LEASE / 3).await;
        engine.announce(&member("b")).await.unwrap();
    }
    assert_eq!(engine.announce(&member("b")).await, Ok(vec![member("b")]));
}

fn signal(server: &Server, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), server.child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

async fn wait_for_replica(port: u16) {
    let address = EngineAddress::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
    let link = Link::connect(Arc::new(address)).await.unwrap_or_else(|error| panic!("{error}"));
    let started = Instant::now();
    loop {
        let told: String = link.ask(cmd("INFO").arg("replication")).await.unwrap();
        if told.contains("connected_slaves:1") && told.contains("state=online") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_master_that_sentinels_tell_of_is_followed() {
    let (Some(mut first), Some(second)) = (redis(""), redis("")) else { return };
    let master = first.port;
    thread::sleep(Duration::from_millis(300));
    let replicate = format!("replicaof 127.0.0.1 {master}\nsave \"\"");
    let port = second.port;
    drop(second);
    let Some(_second) = start("redis-server", port, &replicate) else { return };
    // Sentinels look for replicas when they start, and then rarely.
    wait_for_replica(master).await;
    let settings = format!(
        "sentinel monitor main 127.0.0.1 {master} 1\nsentinel down-after-milliseconds main 700\nsentinel failover-timeout main 3000"
    );
    let Some(sentinel) = start("redis-sentinel", free_port(), &settings) else { return };
    // One of those that are named is not there.
    let address = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main", free_port(), sentinel.port);
    let (engine, me) = (engine(&address), member("a"));
    claim(&engine, &["x"], Mode::Take, &me).await;
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    let EngineError(_) = engine.renew(&[lease("x", 1)], &me).await.unwrap_err();
    claim(&engine, &["x"], Mode::Take, &me).await;
    let unknown = RedisEngine::new(
        EngineAddress::parse(&format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port)).unwrap(),
        LEASE,
        LIMIT,
    );
    let EngineError(fault) = unknown.announce(&me).await.unwrap_err();
    assert!(fault.contains("knows no master \"other\""), "{fault}");
}
