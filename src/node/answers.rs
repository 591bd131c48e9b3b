//! The server's answers to JavaScript's questions.

use std::net::SocketAddr;

use napi::bindgen_prelude::{Error, Result};
use napi_derive::napi;
use serde::Serialize;

use crate::hub::{
    DatabaseSnapshot, Hub, PeerSnapshot, Traffic,
    coordinator::{Lock, LockState, Status},
};

/// An address that a server listens on, as `net.Server` gives it.
#[napi(object, object_from_js = false)]
pub struct NativeAddress {
    /// Without a port.
    pub address: String,
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
    /// The port.
    pub port: u32,
}

impl From<&SocketAddr> for NativeAddress {
    fn from(address: &SocketAddr) -> Self {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        Self { address: address.ip().to_string(), family, port: address.port().into() }
    }
}

/// A client with a session.
#[napi(object, object_from_js = false)]
pub struct NativeClient {
    /// Its id.
    pub id: String,
    /// When its session began, in milliseconds since the Unix epoch.
    pub connected: f64,
    /// Its connection is lost, and its session is kept for it to come back.
    pub away: bool,
}

impl From<&PeerSnapshot> for NativeClient {
    fn from(peer: &PeerSnapshot) -> Self {
        Self { id: peer.id.as_ref().into(), connected: peer.connected as f64, away: peer.is_away }
    }
}

/// A row of the lock table, in the words of the JavaScript face.
#[derive(Serialize)]
struct LockRow<'a> {
    id: Option<u64>,
    peer: &'a str,
    path: &'a str,
    tid: &'a str,
    write: bool,
    comment: &'a str,
    state: &'static str,
    age: u64,
    expires: Option<u64>,
}

impl<'a> LockRow<'a> {
    fn new(lock: &'a Lock, now: u64) -> Self {
        Self {
            id: lock.id,
            peer: &lock.peer,
            path: &lock.path,
            tid: &lock.tid,
            write: lock.write,
            comment: &lock.comment,
            state: match lock.state {
                LockState::Waiting => "waiting",
                LockState::Held => "held",
                LockState::Fenced => "fenced",
            },
            age: now.saturating_sub(lock.since),
            expires: lock.expires,
        }
    }
}

/// The lock table of a database, as JSON.
pub fn locks(hub: &Hub, db: &str) -> Result<String> {
    to_json(&lock_rows(&hub.locks(db), hub.now()))
}

fn lock_rows(locks: &[Lock], now: u64) -> Vec<LockRow<'_>> {
    locks.iter().map(|lock| LockRow::new(lock, now)).collect()
}

/// What the server is doing, in the words of the JavaScript face.
#[derive(Serialize)]
struct StatusReport<'a> {
    databases: Vec<DatabaseRow<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseRow<'a> {
    dbname: &'a str,
    master_present: bool,
    held_requests: usize,
    delivered_requests: usize,
    request_bytes: usize,
    kept_sessions: usize,
    clients: Vec<ClientRow<'a>>,
    locks: Vec<LockRow<'a>>,
}

impl<'a> DatabaseRow<'a> {
    fn new(database: &'a DatabaseSnapshot, now: u64) -> Self {
        let Status { master_present, held_requests, delivered_requests, request_bytes, kept_sessions, .. } =
            database.status;
        Self {
            dbname: &database.name,
            master_present,
            held_requests,
            delivered_requests,
            request_bytes,
            kept_sessions,
            clients: database.peers.iter().map(ClientRow::from).collect(),
            locks: lock_rows(&database.locks, now),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientRow<'a> {
    id: &'a str,
    connected: u64,
    away: bool,
    queued_bytes: usize,
    received: TrafficRow,
    sent: TrafficRow,
    /// In milliseconds.
    round_trip: Option<f64>,
}

impl<'a> From<&'a PeerSnapshot> for ClientRow<'a> {
    fn from(peer: &'a PeerSnapshot) -> Self {
        Self {
            id: &peer.id,
            connected: peer.connected,
            away: peer.is_away,
            queued_bytes: peer.queued,
            received: peer.received.into(),
            sent: peer.sent.into(),
            round_trip: peer.round_trip.map(|time| time.as_secs_f64() * 1000.0),
        }
    }
}

#[derive(Serialize)]
struct TrafficRow {
    messages: u64,
    bytes: u64,
}

impl From<Traffic> for TrafficRow {
    fn from(traffic: Traffic) -> Self {
        Self { messages: traffic.messages, bytes: traffic.bytes }
    }
}

/// What the server is doing, as JSON.
pub fn status(hub: &Hub) -> Result<String> {
    let snapshot = hub.snapshot();
    let now = hub.now();
    let databases = snapshot.iter().map(|database| DatabaseRow::new(database, now)).collect();
    to_json(&StatusReport { databases })
}

fn to_json(answer: &impl Serialize) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::from_reason(error.to_string()))
}
