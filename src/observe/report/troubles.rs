//! Troubles in a report, the worst first.

use serde::Serialize;

use crate::{
    acebase::{Trouble, Who},
    observe::level::Level,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TroubleRow<'a> {
    kind: &'static str,
    level: Level,
    dbname: Option<&'a str>,
    client: Option<WhoRow<'a>>,
    /// For how long it has been so.
    age_ms: u64,
    text: &'a str,
    advice: &'a str,
}

/// Who somebody is, as far as it is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WhoRow<'a> {
    id: Option<&'a str>,
    remote: Option<String>,
    pid: Option<u32>,
    command: Option<&'a str>,
}

impl<'a> From<&'a Who> for WhoRow<'a> {
    fn from(Who { id, remote, process }: &'a Who) -> Self {
        Self {
            id: id.as_deref(),
            remote: remote.map(|remote| remote.to_string()),
            pid: process.as_ref().map(|process| process.pid),
            command: process.as_ref().map(|process| &*process.command),
        }
    }
}

impl<'a> From<&'a Trouble> for TroubleRow<'a> {
    fn from(trouble: &'a Trouble) -> Self {
        Self {
            kind: trouble.kind.name(),
            level: Level::of_trouble(trouble.gravity),
            dbname: trouble.db.as_deref(),
            client: trouble.who.as_ref().map(WhoRow::from),
            age_ms: trouble.age,
            text: &trouble.text,
            advice: &trouble.advice,
        }
    }
}
