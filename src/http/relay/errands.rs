//! Requests of clients beside their connections, for a database that another hub has: a message that is too large for a
//! frame, one that is to be fetched, the list of who is connected. And what an operator does to such a database. Each
//! goes over a connection of its own.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header,
};

use super::{
    super::{
        Context, body,
        local::KICK_PATH,
        reply::{self, Reply},
        status,
    },
    calls,
};
use crate::{
    cluster::{Cluster, Owner, Whereabouts, relay::errand::Failed},
    hub::Hub,
    protocol::query,
    unfinished::patience,
};

/// How long a request waits until somebody has its database: as long as it takes to replace a hub that was killed. Who
/// sends it does not end because of that.
const FIND: Duration = Duration::from_secs(5);

/// Bytes of a list of clients: a hundred for each of as many as a hub has connections.
const MAX_LIST: usize = 8 * 1024 * 1024;

/// Bytes of an answer of a few words.
const MAX_WORDS: usize = 64 * 1024;

/// On whose account answers are claimed room for: no client's, whose ids are longer.
const ANSWERS: &str = "-";

/// How often a question is asked anew where its owner has just changed.
const ATTEMPTS: usize = 3;

/// A database that this hub has not.
pub(in super::super) struct Elsewhere {
    cluster: Arc<Cluster>,
    db: String,
    /// `None`: nobody has it.
    owner: Option<Owner>,
}

/// Finds out whether another hub has a database; waits until somebody has it. `None`: this one has, or is the only one.
pub(in super::super) async fn elsewhere(db: &str, context: &Context) -> Option<Elsewhere> {
    search(db, context.cluster.as_ref()?).await
}

async fn search(db: &str, cluster: &Arc<Cluster>) -> Option<Elsewhere> {
    let at = match cluster.registry.look(db) {
        Whereabouts::Nobody(_) => Box::pin(cluster.registry.find(db, FIND)).await,
        known => known,
    };
    let owner = match at {
        Whereabouts::Here { .. } => return None,
        Whereabouts::At(owner) => Some(owner),
        Whereabouts::Nobody(_) => None,
    };
    Some(Elsewhere { cluster: cluster.clone(), db: db.to_owned(), owner })
}

/// How a database is that another hub has, to who may know. `None`: it is this hub's, or it is not known whose, or
/// something else is asked.
pub(in super::super) async fn status<B>(request: &Request<B>, remote: SocketAddr, context: &Context) -> Option<Reply> {
    let cluster = context.cluster.as_ref()?;
    let (path, text) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let db = query::parameter(text, "db").filter(|db| status::may_ask(request, db, context))?;
    let Some(Whereabouts::At(owner)) = cluster.registry.peek(&db) else { return None };
    let target = format!("{path}?{}", calls::without_token(text));
    let elsewhere = Elsewhere { cluster: cluster.clone(), db, owner: Some(owner) };
    Some(status::dressed(Box::pin(elsewhere.get(&target, MAX_LIST, remote, context)).await))
}

/// Ends a client's session, for this server's own owner: at whichever hub has its database. `false`: that one does not
/// know it.
///
/// # Errors
/// Why that hub has not done it, for a person.
pub async fn close_client(db: &str, client: &str, hub: &Hub, cluster: &Arc<Cluster>) -> Result<bool, String> {
    let Some(elsewhere) = search(db, cluster).await else { return Ok(hub.kick(db, client)) };
    let target = calls::deed(KICK_PATH, db, Some(client));
    match elsewhere.ask_in_turn(&Method::POST, &target, MAX_WORDS, None).await {
        Ok(answer) if answer.status() == StatusCode::NOT_FOUND => Ok(false),
        Ok(answer) if answer.status().is_success() => Ok(true),
        Ok(answer) => Err(format!("its hub has answered {}", answer.status())),
        // The database has come here meanwhile.
        Err(_) if hub.kick(db, client) => Ok(true),
        Err(last) => Err(no_answer_in_words(last.as_ref())),
    }
}

impl Elsewhere {
    /// Passes a client's message on as it comes: nothing of it is kept here.
    pub(in super::super) async fn send(
        self,
        request: Request<Incoming>,
        remote: SocketAddr,
        context: &Context,
    ) -> Reply {
        let max = context.limits.max_message_size;
        let size = request.body().size_hint();
        if size.lower() > max as u64 {
            return self.lose(remote, body::too_large(max), context);
        }
        let size = size.exact().map_or(max, |size| usize::try_from(size).unwrap_or(max));
        let target = calls::target(&self.db, "send", request.uri().query().unwrap_or_default());
        // There it waits until there is room for it, and then as long as it takes to read.
        let limit = 2 * patience(size);
        if let Some(owner) = &self.owner
            && let Ok(request) =
                calls::begin(Method::POST, &target, Some(remote), owner, &self.cluster).body(request.into_body())
            && let Some(answer) = self.ask(request, owner, (limit, MAX_WORDS)).await
        {
            return answer;
        }
        // The sender does not look at the answer: without this the message would be lost without a word.
        self.lose(remote, nobody(), context)
    }

    /// Asks for a large message, or a list. `text`: the query.
    pub(in super::super) async fn fetch(
        self,
        action: &str,
        text: &str,
        remote: SocketAddr,
        context: &Context,
    ) -> Reply {
        let max = if action == "receive" { context.limits.max_message_size } else { MAX_LIST };
        self.get(&calls::target(&self.db, action, text), max, remote, context).await
    }

    /// Has the owner do what an operator has asked this hub for, who may. Nothing of the operator's own request goes
    /// there but the database and the client.
    pub(in super::super) async fn operate(
        self,
        path: &str,
        client: Option<&str>,
        remote: SocketAddr,
        context: &Context,
    ) -> Reply {
        let target = calls::deed(path, &self.db, client);
        let answer = self.inquire(Method::POST, &target, MAX_LIST, remote, context).await;
        answer.unwrap_or_else(|last| no_answer(last.as_ref()))
    }

    async fn get(&self, target: &str, max: usize, remote: SocketAddr, context: &Context) -> Reply {
        self.inquire(Method::GET, target, max, remote, context).await.unwrap_or_else(|_| nobody())
    }

    /// Asks until an owner answers. The error: the owner that was asked last, if one was known.
    async fn inquire(
        &self,
        method: Method,
        target: &str,
        max: usize,
        remote: SocketAddr,
        context: &Context,
    ) -> Result<Reply, Option<Owner>> {
        // An answer takes as much room as a message.
        let Ok(_claim) = context.limits.unfinished.claim(&self.db, ANSWERS, max).await else {
            return Err(self.owner.clone());
        };
        self.ask_in_turn(&method, target, max, Some(remote)).await
    }

    /// As [`Elsewhere::inquire`], where there is room for the answer. `remote`: on whose behalf, if anybody's.
    async fn ask_in_turn(
        &self,
        method: &Method,
        target: &str,
        max: usize,
        remote: Option<SocketAddr>,
    ) -> Result<Reply, Option<Owner>> {
        let mut owner = self.owner.clone();
        let mut last = owner.clone();
        for _ in 0..ATTEMPTS {
            let Some(asked) = &owner else { break };
            let question = calls::begin(method.clone(), target, remote, asked, &self.cluster);
            let Ok(question) = question.body(Empty::<Bytes>::new()) else { break };
            if let Some(answer) = self.ask(question, asked, (patience(max), max)).await {
                return Ok(answer);
            }
            last = owner;
            owner = match self.cluster.registry.find(&self.db, FIND).await {
                Whereabouts::At(owner) => Some(owner),
                Whereabouts::Here { .. } | Whereabouts::Nobody(_) => None,
            };
        }
        Err(last)
    }

    /// `None`: that hub is not the owner, or was not reached.
    async fn ask<B>(&self, request: Request<B>, owner: &Owner, bounds: (Duration, usize)) -> Option<Reply>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Failed>,
    {
        match calls::ask(request, owner, &self.cluster, bounds.0, bounds.1).await {
            Ok(answer) if answer.status() != StatusCode::MISDIRECTED_REQUEST && !calls::is_disowned(&answer) => {
                Some(passed_on(answer))
            }
            _ => {
                self.cluster.registry.doubt(&self.db, owner);
                None
            }
        }
    }

    fn lose(&self, remote: SocketAddr, reply: Reply, context: &Context) -> Reply {
        context.tell_refused(remote, &self.db, reply.status(), "message");
        reply
    }
}

/// An owner's answer as this hub's.
fn passed_on(answer: Response<Bytes>) -> Reply {
    let (head, body) = answer.into_parts();
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = head.status;
    if let Some(kind) = head.headers.get(header::CONTENT_TYPE) {
        reply.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    reply
}

fn nobody() -> Reply {
    reply::closing(StatusCode::SERVICE_UNAVAILABLE, "503 No hub of the cluster has the database, or it was not reached")
}

/// For operators, who may know where hubs are.
fn no_answer(last: Option<&Owner>) -> Reply {
    reply::closing(StatusCode::SERVICE_UNAVAILABLE, format!("503 {}", no_answer_in_words(last)))
}

fn no_answer_in_words(last: Option<&Owner>) -> String {
    match last {
        Some(Owner { name, address, .. }) => {
            format!("The hub {name} at {address} has the database, as far as is known, and gave no answer")
        }
        None => "No hub of the cluster is known to have the database".to_owned(),
    }
}
