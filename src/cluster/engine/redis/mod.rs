//! Redis as the engine, or another server of its protocol: alone, or the master that Sentinels tell of.
//!
//! Questions have a time limit of their own. After any failure the connection is made anew, in the background: that may
//! take longer than an answer.

mod link;
mod scripts;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use redis::{Cmd, FromRedisValue, cmd};
use tokio::{task::JoinHandle, time::timeout};

use super::{
    Answer, Claim, Engine, EngineError, Lease, Mode, Renewal, Wanted,
    address::{EngineAddress, Servers},
    records::{LIVES_FOR_LEASES, LONGEST_IN_LEASES},
};
use crate::{
    clock,
    cluster::{member::Member, owner::Owner},
};
use link::Link;

/// How long the highest epoch of a database is remembered that nobody has: 30 days. Whoever still believes then that he
/// has it has been paused for as long.
const EPOCHS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How often the Sentinels are asked whether the master is still the one: a hub that is cut off with a former master
/// finds out when it reaches a Sentinel.
const ASK_SENTINELS_EVERY: Duration = Duration::from_secs(2);

/// Redis.
pub struct RedisEngine {
    address: Arc<EngineAddress>,
    lease: Duration,
    /// How long an answer may take.
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    connecting: Option<JoinHandle<Result<Link, EngineError>>>,
    sentinels_asked_at: Option<Instant>,
}

impl RedisEngine {
    /// Connects when it is asked something. `limit`: how long an answer may take.
    pub fn new(address: EngineAddress, lease: Duration, limit: Duration) -> Self {
        Self { address: Arc::new(address), lease, limit, state: Mutex::default() }
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("acebase-ipc:{{{}}}:{kind}:{name}", self.address.cluster)
    }

    /// A script about some databases: of each its record, and its highest epoch.
    fn script<'a>(&self, script: &str, dbs: impl ExactSizeIterator<Item = &'a Arc<str>>, me: &Member) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(script).arg(2 * dbs.len());
        for db in dbs {
            command.arg(self.key("owner", db)).arg(self.key("epoch", db));
        }
        command.arg(&me.name).arg(&me.address).arg(clock::millis(self.lease)).arg(clock::millis(EPOCHS_KEPT));
        command
    }

    fn script_of_leases(&self, script: &str, leases: &[Lease], me: &Member) -> Cmd {
        let mut command = self.script(script, leases.iter().map(|(db, _)| db), me);
        for (_, epoch) in leases {
            command.arg(*epoch);
        }
        command
    }

    async fn ask<T: FromRedisValue>(&self, command: Cmd) -> Result<T, EngineError> {
        let ended = Instant::now() + self.limit;
        let link = self.link(ended).await?;
        let left = ended.saturating_duration_since(Instant::now());
        match timeout(left, link.ask(&command)).await {
            Ok(Ok(answer)) => {
                self.state.lock().link = Some(link);
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.fault(&error)),
            Err(_) => Err(self.fault(&format!("no answer in {} ms", clock::millis(self.limit)))),
        }
    }

    /// A connection, for one question: who is content with the answer gives it back.
    async fn link(&self, until: Instant) -> Result<Link, EngineError> {
        let mut connecting = {
            let mut state = self.state.lock();
            if let Some(link) = state.link.take() {
                return Ok(link);
            }
            state.connecting.take().unwrap_or_else(|| tokio::spawn(Link::connect(self.address.clone())))
        };
        let left = until.saturating_duration_since(Instant::now());
        match timeout(left, &mut connecting).await {
            Ok(Ok(connected)) => connected.map_err(|EngineError(error)| self.fault(&error)),
            Ok(Err(ended)) => Err(self.fault(&ended)),
            Err(_) => {
                self.state.lock().connecting = Some(connecting);
                Err(self.fault(&format!("no connection in {} ms", clock::millis(self.limit))))
            }
        }
    }

    /// What time it is for the server, in milliseconds.
    async fn time(&self) -> Result<u64, EngineError> {
        let (seconds, micros): (u64, u64) = self.ask(cmd("TIME")).await?;
        Ok(seconds * 1000 + micros / 1000)
    }

    fn fault(&self, error: &impl std::fmt::Display) -> EngineError {
        EngineError(format!("{}: {error}", self.address))
    }

    /// Lets go of a server that is the master no longer.
    async fn look_after_master(&self) -> Result<(), EngineError> {
        let Servers::Sentinels { hosts, master } = &self.address.servers else { return Ok(()) };
        let connected = {
            let mut state = self.state.lock();
            if state.sentinels_asked_at.is_some_and(|asked_at| asked_at.elapsed() < ASK_SENTINELS_EVERY) {
                return Ok(());
            }
            state.sentinels_asked_at = Some(Instant::now());
            state.link.as_ref().map(|link| (link.server.clone(), link.trust.clone()))
        };
        let Some((connected_to, trust)) = connected else { return Ok(()) };
        let told = timeout(self.limit / 2, link::ask_sentinels(hosts, master, &trust)).await;
        // Sentinels that do not answer change nothing.
        if let Ok(Ok(told)) = told
            && connected_to != told
        {
            self.state.lock().link = None;
            return Err(self.fault(&format!("the master is {told} now")));
        }
        Ok(())
    }
}

impl Drop for RedisEngine {
    fn drop(&mut self) {
        if let Some(connecting) = self.state.get_mut().connecting.take() {
            connecting.abort();
        }
    }
}

impl Engine for RedisEngine {
    fn claim<'a>(&'a self, wanted: &'a [Wanted], mode: Mode, me: &'a Member) -> Answer<'a, Vec<Claim>> {
        let mut command = self.script(scripts::CLAIM, wanted.iter().map(|one| &one.db), me);
        command.arg(if mode == Mode::Take { "take" } else { "look" });
        Box::pin(async move {
            command.arg(self.time().await? + clock::millis(self.limit));
            command.arg(clock::millis(self.lease * LONGEST_IN_LEASES));
            for one in wanted {
                command.arg(one.seen);
            }
            let answers: Vec<Vec<String>> = self.ask(command).await?;
            let claims: Option<Vec<_>> = answers.iter().map(|answer| read_claim(answer)).collect();
            claims.filter(|claims| claims.len() == wanted.len()).ok_or_else(|| self.fault(&"an odd answer"))
        })
    }

    fn renew<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, Vec<Renewal>> {
        let command = self.script_of_leases(scripts::RENEW, leases, me);
        Box::pin(async move {
            let answers: Vec<String> = self.ask(command).await?;
            let renewals: Vec<_> = answers.iter().map(|answer| read_renewal(answer)).collect();
            Some(renewals).filter(|renewals| renewals.len() == leases.len()).ok_or_else(|| self.fault(&"an odd answer"))
        })
    }

    fn release<'a>(&'a self, leases: &'a [Lease], me: &'a Member) -> Answer<'a, ()> {
        let command = self.script_of_leases(scripts::RELEASE, leases, me);
        Box::pin(async move { self.ask::<Vec<String>>(command).await.map(drop) })
    }

    fn pass<'a>(&'a self, lease: &'a Lease, from: &'a Member, to: &'a Member) -> Answer<'a, Renewal> {
        let mut command = self.script_of_leases(scripts::PASS, std::slice::from_ref(lease), from);
        command.arg(&to.name).arg(&to.address);
        Box::pin(async move {
            let answers: Vec<String> = self.ask(command).await?;
            answers.first().map(|answer| read_renewal(answer)).ok_or_else(|| self.fault(&"an odd answer"))
        })
    }

    fn announce<'a>(&'a self, me: &'a Member) -> Answer<'a, Vec<Member>> {
        let mut command = cmd("EVAL");
        command.arg(scripts::ANNOUNCE).arg(1).arg(self.key("hubs", "all"));
        command.arg(format!("{} {} {}", me.life, me.name, me.address));
        let life = self.lease * LIVES_FOR_LEASES;
        command.arg(clock::millis(life)).arg(clock::millis(life * LONGEST_IN_LEASES));
        Box::pin(async move {
            self.look_after_master().await?;
            let hubs: Vec<String> = self.ask(command).await?;
            Ok(hubs.iter().filter_map(|hub| read_member(hub)).collect())
        })
    }
}

fn read_claim(answer: &[String]) -> Option<Claim> {
    let part = |index: usize| answer.get(index).map(String::as_str);
    match part(0)? {
        "mine" => Some(Claim::Mine { epoch: part(1)?.parse().ok()? }),
        "vacant" => Some(Claim::Vacant),
        "foreign" => {
            let owner = Owner { name: part(2)?.into(), address: part(3)?.into(), epoch: part(1)?.parse().ok()? };
            // A record without an end would be one that somebody else has made.
            Some(Claim::Foreign { owner, left: Duration::from_millis(part(4)?.parse().unwrap_or_default()) })
        }
        _ => None,
    }
}

fn read_renewal(answer: &str) -> Renewal {
    if answer == "1" { Renewal::Renewed } else { Renewal::Lost }
}

fn read_member(hub: &str) -> Option<Member> {
    let mut parts = hub.split(' ').map(str::to_owned);
    let (life, name, address) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Member { name, address, life })
}
