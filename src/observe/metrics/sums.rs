//! Figures of databases, added up by the label that they have in metrics: databases beyond a bound share one.

use std::collections::BTreeMap;

use crate::{
    acebase::{Lock, Strain, Trouble, TroubleKind},
    clock::Millis,
    hub::DatabaseFigures,
    observe::tally::Tally,
};

/// How many troubles there are, by the label of their database and by their kind.
pub(super) fn by_kind(tally: &Tally, troubles: &[Trouble]) -> BTreeMap<(String, TroubleKind), u64> {
    let mut counts = BTreeMap::new();
    for trouble in troubles {
        let label = trouble.db.as_deref().map(|db| tally.label(db)).unwrap_or_default().to_owned();
        *counts.entry((label, trouble.kind)).or_default() += 1;
    }
    counts
}

/// Figures by the label of their database.
pub(super) fn by_label(tally: &Tally, figures: Vec<DatabaseFigures>) -> BTreeMap<String, DatabaseFigures> {
    let mut labelled = BTreeMap::new();
    for database in figures {
        let label = tally.label(&database.name).to_owned();
        match labelled.get_mut(&label) {
            None => drop(labelled.insert(label, database)),
            Some(others) => add(others, &database),
        }
    }
    labelled
}

fn add(all: &mut DatabaseFigures, one: &DatabaseFigures) {
    all.peers += one.peers;
    all.reliable += one.reliable;
    all.queued += one.queued;
    all.totals.received += one.totals.received;
    all.totals.sent += one.totals.sent;
    all.totals.large += one.totals.large;
    add_strain(&mut all.strain, &one.strain);
    let (all, one) = (&mut all.status, &one.status);
    all.master_present &= one.master_present;
    all.held_requests += one.held_requests;
    all.delivered_requests += one.delivered_requests;
    all.request_bytes += one.request_bytes;
    all.kept_sessions += one.kept_sessions;
    all.held_locks += one.held_locks;
    all.fenced_locks += one.fenced_locks;
    all.waiting_locks += one.waiting_locks;
    all.lock_waits.add(&one.lock_waits);
    all.lock_holds.add(&one.lock_holds);
    all.lock_passes += one.lock_passes;
}

/// The oldest of both.
fn add_strain(all: &mut Strain, one: &Strain) {
    let older = |a: Option<Millis>, b: Option<Millis>| a.into_iter().chain(b).min();
    all.oldest_request = older(all.oldest_request, one.oldest_request);
    all.longest_hold = older(all.longest_hold, one.longest_hold);
    all.answered = older(all.answered, one.answered);
    let since = |wait: &Option<Lock>| wait.as_ref().map_or(Millis::MAX, |wait| wait.since);
    if since(&one.oldest_wait) < since(&all.oldest_wait) {
        all.oldest_wait.clone_from(&one.oldest_wait);
    }
}
