//! The other hubs, where this server is one of several: the task that keeps its leases, from its start to its end.

use std::{mem, sync::Arc};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{held::Held, heritage::AsHeritage};
use crate::{
    cluster::{
        Cluster, ClusterConfig, Node,
        engine::{Engine, redis::RedisEngine},
        lease::Times,
        node::Surroundings,
        relay::{Relay, dial::Dialer},
    },
    guard::guard_vital,
    http::relay::AskingNeighbours,
    hub::{Hub, event::Observer},
    observe::Watch,
};

/// A hub's place among the others.
pub struct Company {
    cluster: Arc<Cluster>,
    /// Locked by nobody but its owner: what a node waits for cannot be shared between threads.
    state: Mutex<State>,
    ended: CancellationToken,
}

enum State {
    NotYet(Box<Node>),
    Running(JoinHandle<Box<Node>>),
    Over,
}

impl Company {
    /// Ready to begin. `dialer` reaches the other hubs.
    pub fn new(settings: ClusterConfig, dialer: Dialer, hub: &Arc<Hub>, watch: &Arc<Watch>) -> Self {
        let times = Times { lease: settings.lease_time, renew_every: settings.renew_every };
        let engine = RedisEngine::new(settings.engine.clone(), settings.lease_time, times.answer_limit());
        Self::with(Arc::new(engine), settings, dialer, hub, watch)
    }

    /// As [`Company::new`], with this engine, whatever the settings say.
    pub fn with(
        engine: Arc<dyn Engine>,
        settings: ClusterConfig,
        dialer: Dialer,
        hub: &Arc<Hub>,
        watch: &Arc<Watch>,
    ) -> Self {
        let cluster = Arc::new(Cluster::new(settings, Relay::new(dialer), Arc::new(AsHeritage)));
        let around = Surroundings {
            cluster: cluster.clone(),
            engine,
            neighbours: Arc::new(AskingNeighbours(cluster.clone())),
            hub: hub.clone(),
            observer: watch.clone(),
        };
        Self { cluster, state: Mutex::new(State::NotYet(Box::new(Node::new(around)))), ended: CancellationToken::new() }
    }

    /// What requests may need to know.
    pub fn cluster(&self) -> Arc<Cluster> {
        self.cluster.clone()
    }

    /// Goes on with what the process before this one had.
    pub fn adopt(&mut self, held: Held) {
        if let State::NotYet(node) = self.state.get_mut() {
            node.adopt(&held.databases, held.members);
        }
    }

    /// Keeps leases from now on.
    pub fn begin(&mut self, observer: Arc<dyn Observer>) {
        let next = match mem::replace(self.state.get_mut(), State::Over) {
            State::NotYet(node) => State::Running(self.spawn(node, observer)),
            other => other,
        };
        *self.state.get_mut() = next;
    }

    fn spawn(&self, mut node: Box<Node>, observer: Arc<dyn Observer>) -> JoinHandle<Box<Node>> {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let run = node.run(ended);
            guard_vital(observer, "cluster node", run).await;
            node
        })
    }

    /// Lets go of all databases: clients have gone, and another hub may have them at once.
    pub async fn leave(&mut self) {
        if let Some(mut node) = self.stop().await {
            node.leave().await;
        }
    }

    /// Stops, and leaves the databases to the next process of the same name: if none comes, their leases run out.
    pub async fn part(&mut self) -> Option<Held> {
        let node = self.stop().await?;
        Some(Held { databases: node.leases(), members: self.cluster.registry.members() })
    }

    async fn stop(&mut self) -> Option<Box<Node>> {
        self.ended.cancel();
        match mem::replace(self.state.get_mut(), State::Over) {
            State::NotYet(node) => Some(node),
            State::Running(task) => task.await.ok(),
            State::Over => None,
        }
    }
}
