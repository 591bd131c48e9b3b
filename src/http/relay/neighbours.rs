//! What this hub asks other hubs on its own behalf.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Method, Response, StatusCode};

use super::{
    super::inside::{ENGINE_PATH, MOVED_PATH},
    calls,
};
use crate::cluster::{Cluster, EngineState, Member, Neighbours, Sees, Tells, owner::Lease, relay::errand::Failed};

/// How long a hub may take for its answer: who asks gives its databases up if it must wait for longer.
const ENGINE_LIMIT: Duration = Duration::from_millis(450);

/// Bytes of an answer of one word.
const MAX_WORD: usize = 256;

/// Asks them as this hub.
pub struct AskingNeighbours(pub Arc<Cluster>);

impl AskingNeighbours {
    async fn ask(&self, member: &Member, method: Method, target: &str) -> Result<Response<Bytes>, Failed> {
        calls::ask_hub(member, method, target, Empty::<Bytes>::new(), &self.0, ENGINE_LIMIT, MAX_WORD).await
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

    fn tell_moved<'a>(&'a self, member: &'a Member, (db, epoch): &'a Lease) -> Tells<'a> {
        Box::pin(async move {
            // Who does not hear it finds out.
            let _ = self.ask(member, Method::POST, &calls::about(MOVED_PATH, db, *epoch)).await;
        })
    }
}
