//! Hubs with an engine in memory, on the real clock: with short leases.

use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinHandle};

use super::*;
use crate::{
    cluster::{
        ClusterConfig, Owner, WhyNobody,
        engine::{address::EngineAddress, memory::MemoryEngine},
        estate::{Estate, Packing},
        relay::{Relay, dial::Dialer},
    },
    http::access::Secret,
    hub::{
        FrozenHub, Settings,
        testing::{self, HandClock, Notebook},
    },
    protocol::{Text, close::CloseReason},
};

const LEASE: Duration = Duration::from_millis(900);
const RENEW: Duration = Duration::from_millis(300);

/// Nothing is sent here.
struct NoPacking;

impl Packing for NoPacking {
    fn pack(&self, _: &FrozenHub) -> Result<Vec<u8>, String> {
        Err("nothing is sent".into())
    }

    fn unpack(&self, _: &[u8]) -> Result<FrozenHub, String> {
        Err("nothing has come".into())
    }
}

/// What the other hubs say of the engine, and of who has a database.
#[derive(Default)]
struct Said(AtomicU8, Mutex<Option<Owner>>);

const SILENT: u8 = 0;
const SEES: u8 = 1;
const SEES_NOT: u8 = 2;

impl Neighbours for Said {
    fn sees_engine<'a>(&'a self, _: &'a Member) -> Sees<'a> {
        let said = self.0.load(Ordering::Relaxed);
        Box::pin(async move { (said != SILENT).then_some(said == SEES) })
    }

    fn knows_owner<'a>(&'a self, _: &'a Member, _: &'a str) -> Knows<'a> {
        let owner = self.1.lock().clone();
        Box::pin(async move { owner })
    }

    fn tell_moved<'a>(&'a self, _: &'a Member, _: &'a Lease) -> Tells<'a> {
        Box::pin(async {})
    }
}

struct Running {
    registry: Registry,
    hub: Arc<Hub>,
    clock: Arc<HandClock>,
    notebook: Arc<Notebook>,
    said: Arc<Said>,
    ended: CancellationToken,
    task: JoinHandle<Node>,
}

impl Running {
    fn start(name: &str, engine: &MemoryEngine) -> Self {
        Self::start_with(name, engine, &[])
    }

    fn start_with(name: &str, engine: &MemoryEngine, leases: &[Lease]) -> Self {
        let settings = ClusterConfig {
            engine: EngineAddress::parse("redis://nowhere").unwrap(),
            advertise: format!("{name}:1"),
            secret: Secret("secret".into()),
            name: Some(name.into()),
            lease_time: LEASE,
            renew_every: RENEW,
        };
        let cluster =
            Arc::new(Cluster::new(settings, Relay::new(Dialer::new(Box::new(|_| Ok(())), None)), Arc::new(NoPacking)));
        let notebook = Arc::new(Notebook::default());
        let settings = Settings { max_queue: 1 << 20, max_payload: 100, download_large: false, coordinators: None };
        let clock = Arc::new(HandClock::default());
        let hub = Arc::new(Hub::new(settings, notebook.clone(), clock.clone(), Box::new(|| {})));
        let said = Arc::new(Said::default());
        let registry = cluster.registry.clone();
        let mut node = Node::new(Surroundings {
            cluster,
            engine: Arc::new(engine.clone()),
            neighbours: said.clone(),
            hub: hub.clone(),
            observer: notebook.clone(),
        });
        node.adopt(leases, Vec::new());
        let ended = CancellationToken::new();
        let until = ended.clone();
        let task = tokio::spawn(async move {
            node.run(until).await;
            node
        });
        Self { registry, hub, clock, notebook, said, ended, task }
    }

    /// Where it says that the database is, when it knows.
    async fn find(&self, db: &str) -> Whereabouts {
        self.registry.find(db, 10 * LEASE).await
    }

    async fn stop(self) -> Node {
        self.ended.cancel();
        self.task.await.unwrap()
    }

    fn has_told(&self, text: &str) -> bool {
        self.notebook.lines().iter().any(|line| line.contains(text))
    }
}

fn at(name: &str, epoch: u64) -> Whereabouts {
    Whereabouts::At(Owner { name: name.into(), address: format!("{name}:1"), epoch })
}

#[tokio::test]
async fn who_is_asked_first_has_it_and_the_others_know_who() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b) = (Running::start("a", &engine), Running::start("b", &engine));
    assert_eq!(a.registry.look("db"), Whereabouts::Nobody(WhyNobody::Asking));
    assert_eq!(a.find("db").await, Whereabouts::Here { epoch: 1 });
    assert_eq!(b.find("db").await, at("a", 1));
    assert_eq!(b.find("other").await, Whereabouts::Here { epoch: 1 });
    assert_eq!(a.find("other").await, at("b", 1));
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!((a.registry.look("db"), a.registry.look("other")), (Whereabouts::Here { epoch: 1 }, at("b", 1)));
    assert_eq!(a.registry.members().len(), 2);
    assert_eq!(a.registry.engine(), EngineState::Up);
    let ages: Vec<_> = a.registry.rows().iter().map(|row| row.lease_age.is_some_and(|age| age < LEASE)).collect();
    assert_eq!(ages, [true, false]);
}

/// Two hubs, of which the first has the database, and what the second sees of that.
async fn owned_by_a(engine: &MemoryEngine) -> (Running, Running, watch::Receiver<Whereabouts>) {
    let (a, b) = (Running::start("a", engine), Running::start("b", engine));
    a.find("db").await;
    let mut watched = b.registry.watch("db");
    watched.wait_for(|whereabouts| *whereabouts == at("a", 1)).await.unwrap();
    (a, b, watched)
}

#[tokio::test]
async fn when_the_owner_is_gone_another_has_it_after_its_lease_and_at_once_where_it_leaves() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, mut watched) = owned_by_a(&engine).await;
    a.task.abort();
    let killed = Instant::now();
    watched.wait_for(|whereabouts| *whereabouts == Whereabouts::Here { epoch: 2 }).await.unwrap();
    assert!(killed.elapsed() < LEASE + RENEW, "{:?}", killed.elapsed());
    let c = Running::start("c", &engine);
    assert_eq!(c.find("db").await, at("b", 2));
    let mut watched = c.registry.watch("db");
    let mut left = b.stop().await;
    left.leave().await;
    let stopped = Instant::now();
    watched.wait_for(|whereabouts| *whereabouts == Whereabouts::Here { epoch: 3 }).await.unwrap();
    assert!(stopped.elapsed() < 2 * RENEW, "{:?}", stopped.elapsed());
}

#[tokio::test]
async fn a_hub_knows_since_when_it_has_databases_before_anybody_comes_for_them() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, mut watched) = owned_by_a(&engine).await;
    assert_eq!(b.hub.taken_over_at(), 0);
    b.clock.set(3_600_000);
    a.task.abort();
    watched.wait_for(|whereabouts| *whereabouts == Whereabouts::Here { epoch: 2 }).await.unwrap();
    assert_eq!(b.hub.taken_over_at(), 3_600_000);
}

#[tokio::test]
async fn the_next_process_of_the_same_name_goes_on_and_nobody_notices() {
    let engine = MemoryEngine::new(LEASE);
    let (a, _b, mut watched) = owned_by_a(&engine).await;
    let leases = a.stop().await.leases();
    let again = Running::start_with("a", &engine, &leases);
    assert_eq!(again.registry.look("db"), Whereabouts::Here { epoch: 1 });
    watched.mark_unchanged();
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!((again.registry.look("db"), watched.has_changed().unwrap()), (Whereabouts::Here { epoch: 1 }, false));
}

#[tokio::test]
async fn while_the_engine_is_down_for_all_the_owner_keeps_its_clients() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b) = (Running::start("a", &engine), Running::start("b", &engine));
    a.find("db").await;
    b.find("db").await;
    tokio::time::sleep(2 * RENEW).await;
    let (_, wire) = testing::connect(&a.hub, "db", "anna!", 100).unwrap();
    a.said.0.store(SEES_NOT, Ordering::Relaxed);
    engine.set_down(true);
    tokio::time::sleep(3 * LEASE).await;
    assert_eq!((a.registry.engine(), a.registry.look("db")), (EngineState::Down, Whereabouts::Here { epoch: 1 }));
    assert_eq!(a.registry.look("new"), Whereabouts::Nobody(WhyNobody::Asking));
    assert_eq!(b.registry.look("db"), at("a", 1));
    engine.set_down(false);
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!((a.registry.look("db"), wire.closed()), (Whereabouts::Here { epoch: 1 }, None));
    assert!(a.has_told("cluster-engine-lost") && a.has_told("cluster-engine-back") && !a.has_told("database-lost"));
}

#[tokio::test]
async fn while_the_engine_may_be_there_for_others_the_owner_gives_up_and_closes_its_clients() {
    for said in [SEES, SILENT] {
        let engine = MemoryEngine::new(LEASE);
        let (a, b) = (Running::start("a", &engine), Running::start("b", &engine));
        a.find("db").await;
        b.find("db").await;
        tokio::time::sleep(2 * RENEW).await;
        let (_, wire) = testing::connect(&a.hub, "db", "anna!", 100).unwrap();
        a.said.0.store(said, Ordering::Relaxed);
        let mut watched = a.registry.watch("db");
        engine.set_down(true);
        let lost = Instant::now();
        watched.wait_for(|whereabouts| matches!(whereabouts, Whereabouts::Nobody(_))).await.unwrap();
        assert!(lost.elapsed() < LEASE, "{:?}", lost.elapsed());
        assert_eq!(wire.closed(), Some(CloseReason::Moved));
        assert!(a.has_told("database-lost"));
    }
}

#[tokio::test]
async fn an_owner_that_alone_is_cut_off_hears_from_others_who_has_the_database_now() {
    let engine = MemoryEngine::new(LEASE);
    let (a, _b, mut watched) = owned_by_a(&engine).await;
    tokio::time::sleep(2 * RENEW).await;
    a.said.0.store(SEES, Ordering::Relaxed);
    let mut seen = a.registry.watch("db");
    engine.cut_off("a", true);
    watched.wait_for(|whereabouts| *whereabouts == Whereabouts::Here { epoch: 2 }).await.unwrap();
    seen.wait_for(|whereabouts| matches!(whereabouts, Whereabouts::Nobody(_))).await.unwrap();
    let Whereabouts::At(next) = at("b", 2) else { unreachable!() };
    *a.said.1.lock() = Some(next.clone());
    let told = Instant::now();
    seen.wait_for(|whereabouts| *whereabouts == at("b", 2)).await.unwrap();
    assert!(told.elapsed() < LEASE, "{:?}", told.elapsed());
    assert_eq!(a.registry.engine(), EngineState::Down);
    // It was not reached, or says that it has not got the database; and is asked again itself.
    a.registry.doubt("db", &next);
    seen.wait_for(|whereabouts| *whereabouts == Whereabouts::Nobody(WhyNobody::EngineDown)).await.unwrap();
    seen.wait_for(|whereabouts| *whereabouts == at("b", 2)).await.unwrap();
    seen.mark_unchanged();
    engine.cut_off("a", false);
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!((a.registry.engine(), seen.has_changed().unwrap()), (EngineState::Up, false));
}

#[tokio::test]
async fn clients_of_a_database_that_another_hub_has_do_not_stay() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b) = (Running::start("a", &engine), Running::start("b", &engine));
    a.find("db").await;
    let (_, wire) = testing::connect(&b.hub, "db", "anna!", 100).unwrap();
    let (_, own) = testing::connect(&a.hub, "db", "berta", 100).unwrap();
    tokio::time::sleep(2 * LOOK_EVERY).await;
    assert_eq!((wire.closed(), own.closed()), (Some(CloseReason::Moved), None));
}

#[tokio::test]
async fn two_hubs_of_one_name_are_noticed() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b) = (Running::start("a", &engine), Running::start("a", &engine));
    tokio::time::sleep(LEASE * (LIVES_FOR_LEASES + 2)).await;
    assert!(a.has_told("cluster-name") && b.has_told("cluster-name"));
}

/// What `a` has in mind of the database, with a client that is away, after it has parted with it.
async fn parted_with(a: &Running) -> Estate {
    let (anna, _wire) = testing::connect(&a.hub, "db", "anna!", 100).unwrap();
    anna.receive([Text::from("all")].into_iter());
    let epoch = a.registry.part_with("db").await.unwrap();
    assert_eq!(a.registry.look("db"), Whereabouts::Nobody(WhyNobody::Leaving));
    a.hub.part_database("db", CloseReason::HandedOver);
    assert!(testing::connect(&a.hub, "db", "berta", 100).is_err(), "nobody comes in any more");
    Estate { lease: ("db".into(), epoch), from: a.registry.me().clone(), frozen: a.hub.freeze_database("db") }
}

fn again(estate: &Estate) -> Estate {
    Estate { lease: estate.lease.clone(), from: estate.from.clone(), frozen: estate.frozen.clone() }
}

#[tokio::test]
async fn what_an_owner_leaves_is_the_next_ones_once_it_has_the_lease() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, mut watched) = owned_by_a(&engine).await;
    let estate = parted_with(&a).await;
    // Longer than a lease: the owner goes on holding it.
    tokio::time::sleep(2 * LEASE).await;
    assert_eq!(*watched.borrow_and_update(), at("a", 1));
    assert_eq!(b.registry.take(again(&estate)).await, Ok(2));
    assert_eq!(b.registry.look("db"), Whereabouts::Here { epoch: 2 });
    let Whereabouts::At(owner) = at("b", 2) else { unreachable!() };
    a.registry.has_given(estate.lease.clone(), owner);
    let mut seen = a.registry.watch("db");
    seen.wait_for(|whereabouts| *whereabouts == at("b", 2)).await.unwrap();
    // Nobody takes it twice, nor back.
    assert_eq!(b.registry.take(again(&estate)).await, Err(NotTaken::Unwanted));
    assert_eq!(a.registry.take(estate).await, Err(NotTaken::Unwanted));
    assert!(a.hub.occupied().is_empty() && !a.has_told("database-lost"));
}

#[tokio::test]
async fn what_nobody_takes_its_owner_takes_back_and_then_nobody_else() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, _watched) = owned_by_a(&engine).await;
    let estate = parted_with(&a).await;
    assert_eq!(a.registry.take(again(&estate)).await, Ok(2));
    assert_eq!(a.registry.look("db"), Whereabouts::Here { epoch: 2 });
    // What was under way for long must not be played back.
    assert_eq!(b.registry.take(estate).await, Err(NotTaken::NotGiven));
    assert!(b.hub.occupied().is_empty());
    assert_eq!(a.registry.look("db"), Whereabouts::Here { epoch: 2 });
}

#[tokio::test]
async fn what_was_given_up_is_anybodys_and_is_not_played_back() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, mut watched) = owned_by_a(&engine).await;
    let estate = parted_with(&a).await;
    a.registry.give_up(estate.lease.clone());
    watched.wait_for(|whereabouts| *whereabouts != at("a", 1)).await.unwrap();
    assert!(b.registry.take(estate).await.is_err());
    assert!(a.hub.occupied().is_empty() && b.hub.occupied().is_empty());
}

#[tokio::test]
async fn while_the_engine_is_down_nothing_is_taken_and_it_does_not_take_for_ever() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, _watched) = owned_by_a(&engine).await;
    let estate = parted_with(&a).await;
    engine.set_down(true);
    let began = Instant::now();
    assert_eq!(b.registry.take(estate).await, Err(NotTaken::NotGiven));
    assert!(began.elapsed() < TAKE_LIMIT + RENEW, "{:?}", began.elapsed());
    assert!(b.hub.occupied().is_empty());
}

#[tokio::test]
async fn what_comes_from_another_time_is_not_taken() {
    let engine = MemoryEngine::new(LEASE);
    let (a, b, _watched) = owned_by_a(&engine).await;
    let estate = parted_with(&a).await;
    let mut frozen = estate.frozen.clone();
    frozen.now = 60_000;
    let refused = b.registry.take(Estate { frozen, ..again(&estate) }).await;
    assert!(matches!(&refused, Err(NotTaken::Unusable(why)) if why.contains("60000 ms")), "{refused:?}");
    // The engine was not asked.
    assert_eq!(b.registry.take(estate).await, Ok(2));
}
