//! What this hub asks other hubs on its own behalf.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Method, Response, StatusCode};

use super::{
    super::inside::{ENGINE_PATH, MOVED_PATH, OWNER_PATH},
    calls,
};
use crate::cluster::{
    Cluster, EngineState, Knows, Member, Neighbours, Sees, Tells, owner::Lease, relay::errand::Failed,
};

/// How long a hub may take for its answer: who asks gives its databases up if it must wait for longer.
const ENGINE_LIMIT: Duration = Duration::from_millis(450);

/// Bytes of an answer: one word, or a hub's name and address.
const MAX_ANSWER: usize = 4 * 1024;

/// Asks them as this hub.
pub struct AskingNeighbours(pub Arc<Cluster>);

impl AskingNeighbours {
    async fn ask(&self, member: &Member, method: Method, target: &str) -> Result<Response<Bytes>, Failed> {
        calls::ask_hub(member, method, target, Empty::<Bytes>::new(), &self.0, ENGINE_LIMIT, MAX_ANSWER).await
    }
}

impl Neighbours for AskingNeighbours {
    fn sees_engine<'a>(&'a self, member: &'a Member) -> Sees<'a> {
        Box::pin(async move {
            let answer = self.ask(member, Method::GET, ENGINE_PATH).await.ok()?;
            let says = |state: EngineState| answer.status() == StatusCode::OK && answer.body() == state.name();
            match (says(EngineState::Up), says(EngineState::Down)) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            }
        })
    }

    fn knows_owner<'a>(&'a self, member: &'a Member, db: &'a str) -> Knows<'a> {
        Box::pin(async move {
            let target = calls::deed(OWNER_PATH, db, None);
            let answer = self.ask(member, Method::GET, &target).await.ok()?;
            (answer.status() == StatusCode::OK).then(|| serde_json::from_slice(answer.body()).ok()).flatten()
        })
    }

    fn tell_moved<'a>(&'a self, member: &'a Member, (db, epoch): &'a Lease) -> Tells<'a> {
        Box::pin(async move {
            // Who does not hear it finds out.
            let _ = self.ask(member, Method::POST, &calls::about(MOVED_PATH, db, *epoch)).await;
        })
    }
}
