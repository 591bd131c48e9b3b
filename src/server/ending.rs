//! How a service ends once nothing is accepted any more: all is closed in order, or left for the next server.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::{
    Service,
    company::Company,
    held::Held,
    heritage::{Heritage, Inheritance},
    housekeeping,
    service::Serving,
};
use crate::{
    http::{
        departure::Parting,
        relay::passing::{self, Manner, Otherwise},
    },
    protocol::close::CloseReason,
    session,
};

/// Time that a stop takes at most beyond the flush: closing handshakes, tasks that end.
const STOP_GRACE: Duration = Duration::from_millis(750);

/// How long requests may take to end where connections go on in another process, whatever `flushTimeout` says: all
/// peers stand still meanwhile, or would be cut off where whoever stops this process loses patience (pm2 after 1.6
/// seconds).
const REQUESTS_LIMIT: Duration = Duration::from_secs(1);

/// How long sessions may take to stop where they are going on in another process: a turn each. Those that are being
/// closed may take longer, and are not worth the wait.
const PARK_LIMIT: Duration = Duration::from_millis(400);

/// Databases that go to other hubs at the same time when this one stops: each is in memory twice meanwhile.
const PASSED_AT_ONCE: usize = 4;

/// How often it is looked whether all is quiet: rarely enough to cost nothing, often enough that nobody notices.
const LOOK_EVERY: Duration = Duration::from_millis(5);

impl Service {
    /// Ends as was said: what this has known and done is given back where another server goes on with it.
    pub(super) async fn end(&mut self, serving: Serving) -> Option<Inheritance> {
        match serving.departure.parting() {
            Parting::Close => {
                self.come_to_rest().await;
                self.pass_databases_on().await;
                self.close(serving).await;
                None
            }
            Parting::PassSessionsOn => {
                self.come_to_rest().await;
                let mut inheritance = self.bequeath_sessions(serving).await;
                inheritance.0.cluster = self.part_company().await;
                Some(inheritance)
            }
            Parting::PassConnectionsOn => {
                let mut inheritance = self.bequeath(serving).await;
                inheritance.0.cluster = self.part_company().await;
                Some(inheritance)
            }
        }
    }

    /// Lets processes return their locks, and the master give the answers that it owes, for `drainTimeout` at most.
    async fn come_to_rest(&self) {
        self.hub.close_doors();
        self.hub.quiesce();
        let rest = async {
            while !self.hub.is_quiet() {
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            _ = timeout(self.config.drain_timeout, rest) => {}
            () = housekeeping::keep(&self.hub, &self.watch, &self.clock, &self.alarm) => {}
        }
    }

    /// Other hubs get the databases that somebody is in, with all that this one has in mind of them. Where they do not,
    /// those begin anew.
    async fn pass_databases_on(&self) {
        let Some(cluster) = self.company.as_ref().map(Company::cluster) else { return };
        let manner = Manner {
            why: CloseReason::Shutdown,
            drain: Duration::ZERO,
            flush: self.config.flush_timeout,
            otherwise: Otherwise::LetsGo,
        };
        let databases: Vec<_> = self.hub.occupied().into_iter().collect();
        for some in databases.chunks(PASSED_AT_ONCE) {
            let pass = |db| passing::pass(db, None, &manner, &self.hub, &cluster, &*self.watch);
            // Who stays here is told why by the log, and by its connection's end.
            join_all(some.iter().map(|db| pass(db))).await;
        }
    }

    async fn close(&mut self, serving: Serving) {
        self.hub.close();
        // From here on no lock is granted here: other hubs may have the databases while the last words are sent.
        let company = self.company.take();
        tokio::join!(self.wait_for_the_end_of(&serving), leave(company));
        self.watch.tell_rest();
    }

    async fn wait_for_the_end_of(&self, serving: &Serving) {
        let all_has_ended = async { tokio::join!(serving.requests.wait(), serving.sessions.wait()) };
        let _ = timeout(self.config.flush_timeout + session::LINGER + STOP_GRACE, all_has_ended).await;
    }

    async fn bequeath_sessions(&self, serving: Serving) -> Inheritance {
        self.hub.part();
        self.wait_for_the_end_of(&serving).await;
        let heritage = Heritage::take(&self.hub, Vec::new(), serving.departure.take());
        self.watch.tell_rest();
        heritage
    }

    async fn bequeath(&self, serving: Serving) -> Inheritance {
        self.hub.close_doors();
        let _ = timeout(self.config.flush_timeout.min(REQUESTS_LIMIT), serving.requests.wait()).await;
        let parked = serving.sessions.park(&self.hub, PARK_LIMIT).await;
        let heritage = Heritage::take(&self.hub, parked, serving.departure.take());
        self.watch.tell_rest();
        heritage
    }

    /// The databases that the next server has, too, where this is one of several hubs.
    async fn part_company(&mut self) -> Option<Held> {
        match &mut self.company {
            Some(company) => company.part().await,
            None => None,
        }
    }
}

async fn leave(company: Option<Company>) {
    if let Some(mut company) = company {
        company.leave().await;
    }
}
