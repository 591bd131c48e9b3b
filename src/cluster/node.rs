//! The task that keeps a hub's leases: asks the engine as the leases say, and tells the registry and the hub. Decides
//! nothing itself. What owners leave to this hub waits here until it is known whether it is this hub's.

mod asking;
mod neighbours;
mod telling;
mod tenants;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, future::pending, pin::pin, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    Cluster,
    engine::{Engine, EngineError, Lease, records::LIVES_FOR_LEASES},
    estate::{self, NotTaken, Wish},
    lease::{Leases, Reply, Request, Time, Times},
    member::Member,
    registry::{Asked, EngineState, Registry, Whereabouts, WhyNobody},
};
use neighbours::{Asking, Seeking};
pub use neighbours::{Knows, Neighbours, NoNeighbours, Sees, Tells};

use crate::{
    clock,
    hub::{self, Hub, event::Observer},
};

/// How often it is looked whether the hub has clients of databases that are not its own, or databases that nobody uses.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a hub that stops takes at most to let go of its databases: they run out anyway.
const RELEASE_LIMIT: Duration = Duration::from_millis(500);

/// How long the engine may take to say that what an owner leaves is this hub's: so that it can be asked again where its
/// answer was lost. Clients wait.
pub const TAKE_LIMIT: Duration = Duration::from_secs(1);

/// After how long a database that this hub has parted with is anybody's where nobody says what has become of it:
/// whoever takes it elsewhere has failed. Longer than that ever takes.
const PARTED_LIMIT: Duration = Duration::from_secs(10);

/// How long another hub may take to hear that a database has moved: it finds out by itself otherwise.
const TELL_LIMIT: Duration = Duration::from_millis(500);

/// Whom a node has to do with.
pub struct Surroundings {
    /// What the rest of the server looks at.
    pub cluster: Arc<Cluster>,
    /// Where the records are.
    pub engine: Arc<dyn Engine>,
    /// The other hubs.
    pub neighbours: Arc<dyn Neighbours>,
    /// Whose databases these are.
    pub hub: Arc<Hub>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
}

type Answered = (Option<Reply>, Option<Vec<Member>>);
type UnderWay = BoxFuture<'static, Result<Answered, EngineError>>;
/// A database that its owner leaves to this hub, and who waits for what becomes of it.
type Taking = (hub::Estate, oneshot::Sender<Result<u64, NotTaken>>);

/// Keeps the leases.
pub struct Node {
    around: Surroundings,
    leases: Leases,
    times: Times,
    /// On [`clock::awake_or_not`].
    started: Duration,
    /// What the engine is asked, and since when.
    under_way: Option<(UnderWay, Time)>,
    asking: Option<Asking>,
    seeking: Option<Seeking>,
    takings: HashMap<Arc<str>, Taking>,
    /// Databases that this hub has parted with, under which epoch, and since when.
    parted: HashMap<Arc<str>, (u64, Instant)>,
    look_at: Instant,
    /// Databases that have clients and are not known to be this hub's, and since when.
    homeless: HashMap<Arc<str>, Instant>,
    /// Since when another hub has this one's name.
    double_since: Option<Instant>,
}

impl Node {
    /// A node that has no databases yet.
    pub fn new(around: Surroundings) -> Self {
        let settings = &around.cluster.settings;
        let times = Times { lease: settings.lease_time, renew_every: settings.renew_every };
        let leases = Leases::new(&around.cluster.registry.me().name, times);
        Self {
            around,
            leases,
            times,
            started: clock::awake_or_not(),
            under_way: None,
            asking: None,
            seeking: None,
            takings: HashMap::new(),
            parted: HashMap::new(),
            look_at: Instant::now(),
            homeless: HashMap::new(),
            double_since: None,
        }
    }

    /// Goes on with the databases that the process before this one had under the same name, and with whom it knew.
    pub fn adopt(&mut self, leases: &[Lease], members: Vec<Member>) {
        let now = self.now();
        for (db, epoch) in leases {
            self.leases.adopt(now, db, *epoch);
        }
        if !members.is_empty() {
            self.registry().set_members(members);
        }
        self.tell_news();
    }

    /// The databases that this hub has.
    pub fn leases(&self) -> Vec<Lease> {
        self.leases.mine().map(|(db, epoch, _)| (db.clone(), epoch)).collect()
    }

    /// Keeps them until `ended` is cancelled.
    pub async fn run(&mut self, ended: CancellationToken) {
        let mut ended = pin!(ended.cancelled());
        loop {
            self.work();
            let registry = self.around.cluster.registry.clone();
            let deadline = self.deadline();
            tokio::select! {
                // What has been answered counts, also where a pause has made the deadline pass.
                biased;
                () = &mut ended => return,
                answer = when_there(self.under_way.as_mut().map(|(answer, _)| answer)) => self.answered(answer),
                (asked_at, verdict) = when_there(self.asking.as_mut()) => self.neighbours_said(asked_at, verdict),
                words = when_there(self.seeking.as_mut()) => self.heard(words),
                () = registry.is_asked() => {}
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// Lets go of all databases, so that others can have them at once. Their clients must have gone.
    pub async fn leave(&mut self) {
        let until = Instant::now() + RELEASE_LIMIT;
        self.leases.leave();
        loop {
            self.work();
            if self.leases.has_left() {
                return;
            }
            let answer = when_there(self.under_way.as_mut().map(|(answer, _)| answer));
            match timeout_at(until, answer).await {
                Ok(answer) => self.answered(answer),
                Err(_) => return,
            }
        }
    }

    /// Does what is due.
    fn work(&mut self) {
        let now = self.now();
        self.take_wishes(now);
        self.leases.tick(now);
        if let Some(request) = self.leases.next(now) {
            self.under_way = Some((self.ask(request), now));
        }
        if self.asking.is_none() && self.leases.asks_neighbours(now) {
            self.asking = Some(self.ask_neighbours(now));
        }
        if self.seeking.is_none() {
            self.seeking = self.seek_owners(now);
        }
        if self.look_at <= Instant::now() {
            self.look_at = Instant::now() + LOOK_EVERY;
            self.look_for_homeless();
            self.look_for_parted(now);
            self.forget_unused();
        }
        self.tell_news();
    }

    fn take_wishes(&mut self, now: Time) {
        let Asked { wanted, doubted, moved, wishes } = self.registry().take_asked();
        for db in wanted {
            self.leases.want(now, &db);
        }
        for (db, epoch) in doubted {
            self.leases.doubt(now, &db, epoch);
        }
        for (db, epoch) in moved {
            self.leases.has_moved(now, &db, epoch);
        }
        for wish in wishes {
            self.fulfil(now, wish);
        }
    }

    fn fulfil(&mut self, now: Time, wish: Wish) {
        match wish {
            Wish::Part { db, answer } => {
                let epoch = self.leases.part_with(&db);
                if let Some(epoch) = epoch {
                    self.registry().set(&db, Whereabouts::Nobody(WhyNobody::Leaving));
                    self.parted.insert(db, (epoch, Instant::now()));
                }
                // Whoever wanted it may be gone: then it is given up after a while.
                let _ = answer.send(epoch);
            }
            Wish::Given { lease, to } => {
                self.parted.remove(&lease.0);
                self.leases.has_given(now, &lease, to);
            }
            Wish::GiveUp { lease } => {
                self.parted.remove(&lease.0);
                self.leases.give_up(now, &lease);
            }
            Wish::Take { estate, answer } => {
                if let Err((answer, why)) = self.begin_taking(now, *estate, answer) {
                    // Whoever asks for it may be gone.
                    let _ = answer.send(Err(why));
                }
            }
        }
    }

    /// Nothing is asked of the engine before it is sure that what is left can be used.
    fn begin_taking(
        &mut self,
        now: Time,
        estate: estate::Estate,
        answer: oneshot::Sender<Result<u64, NotTaken>>,
    ) -> Result<(), (oneshot::Sender<Result<u64, NotTaken>>, NotTaken)> {
        let estate::Estate { lease, from, frozen } = estate;
        let prepared = match self.around.hub.prepare(&lease.0, frozen) {
            Ok(prepared) => prepared,
            Err(error) => return Err((answer, NotTaken::Unusable(error.to_string()))),
        };
        if !self.leases.take(now, &lease, from, now + TAKE_LIMIT) {
            return Err((answer, NotTaken::Unwanted));
        }
        self.takings.insert(lease.0, (prepared, answer));
        Ok(())
    }

    fn deadline(&self) -> Instant {
        let left = self.leases.deadline().saturating_sub(self.now());
        Instant::now().checked_add(left).map_or(self.look_at, |due| due.min(self.look_at))
    }

    /// Asks the engine; never for ever.
    fn ask(&self, request: Request) -> UnderWay {
        let (engine, me) = (self.around.engine.clone(), self.registry().me().clone());
        // The engine's own limit comes first, and says more.
        let limit = 2 * self.times.answer_limit();
        Box::pin(async move {
            let answer = timeout(limit, perform(&*engine, request, &me)).await;
            answer.unwrap_or_else(|_| Err(EngineError("it does not answer in time".into())))
        })
    }

    fn answered(&mut self, answer: Result<Answered, EngineError>) {
        let Some((_, asked_at)) = self.under_way.take() else { return };
        let now = self.now();
        match answer {
            Ok((reply, members)) => {
                self.registry().set_engine(EngineState::Up, None);
                self.leases.answered(now, Some(reply.unwrap_or(Reply::Done)));
                self.note_renewed(asked_at);
                if let Some(members) = members {
                    self.meet(members);
                }
            }
            Err(EngineError(fault)) => {
                self.registry().set_engine(EngineState::Down, Some(fault));
                self.leases.answered(now, None);
            }
        }
    }

    /// Leases that were asked for then are those that are over as late.
    fn note_renewed(&self, asked_at: Time) {
        let over_at = self.times.over_at(asked_at);
        let fresh = self.leases.mine().filter(|(_, _, its)| *its == over_at).map(|(db, ..)| db);
        let age = self.now().saturating_sub(asked_at);
        let asked_at = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        self.registry().note_renewed(fresh, asked_at);
    }

    fn meet(&mut self, members: Vec<Member>) {
        let me = self.registry().me().clone();
        let is_double = |member: &Member| member.name == me.name && member.life != me.life;
        if members.iter().any(is_double) {
            let since = *self.double_since.get_or_insert_with(Instant::now);
            // A former process of this name is remembered for as long.
            if since.elapsed() > self.times.lease * (LIVES_FOR_LEASES + 1) {
                self.double_since = None;
                self.warn("cluster-name", format!("Another hub is called {:?}, too: each needs a cluster.name of its own, or they take each other's databases", me.name));
            }
        } else {
            self.double_since = None;
        }
        self.registry().set_members(members.into_iter().filter(|member| !is_double(member)).collect());
    }

    fn registry(&self) -> &Registry {
        &self.around.cluster.registry
    }

    fn now(&self) -> Time {
        clock::awake_or_not().saturating_sub(self.started)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.registry().node_has_ended();
    }
}

async fn perform(engine: &dyn Engine, request: Request, me: &Member) -> Result<Answered, EngineError> {
    match request {
        Request::Renew(leases) => Ok((Some(Reply::Renewed(engine.renew(&leases, me).await?)), None)),
        Request::Claim(wanted, mode) => Ok((Some(Reply::Claimed(engine.claim(&wanted, mode, me).await?)), None)),
        Request::Take(lease, from) => Ok((Some(Reply::Taken(engine.pass(&lease, &from, me).await?)), None)),
        Request::Release(leases) => engine.release(&leases, me).await.map(|()| (None, None)),
        Request::Announce => Ok((None, Some(engine.announce(me).await?))),
    }
}

/// What a future gives, if there is one; else never anything.
async fn when_there<T>(work: Option<impl Future<Output = T> + Unpin>) -> T {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}
