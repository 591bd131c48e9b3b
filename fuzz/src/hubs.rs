//! What hubs of a cluster hear of each other, and of the engine between them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use acebase_ipc_server::cluster::{
    credentials::{Credentials, NotVouched},
    engine::{Claim, Lease, Mode, Renewal, Wanted, address::EngineAddress, records::Records},
    member::Member,
    relay::frames::{Frames, Header},
};

use crate::input::{self, Input};

const LEASE: Duration = Duration::from_secs(3);

/// The time of day of all hubs, in milliseconds.
const UNIX: u64 = 1_700_000_000_000;

/// One of four things, by the first byte.
///
/// - A header of credentials: it is believed where it was made for that request, once, and nowhere else.
/// - A stream of frames: followed alike however it is cut, and as reading it from its beginning finds it.
/// - An engine's address: read, or refused; neither way is its password shown.
/// - Hubs that ask the engine: a database has one owner at a time, of an epoch that nobody had before.
pub fn hubs(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => check_credentials(input),
        1 => check_frames(input),
        2 => check_address(&input::text(input.rest())),
        _ => check_records(input),
    }
}

fn check_credentials(mut input: Input<'_>) {
    let (one, other) = (Credentials::new("secret", "one"), Credentials::new("secret", "other"));
    let at = input.take(4).iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let target = input::text(input.until(b'\n'));
    let made_up = input::text(input.rest());
    // Who knows the secret makes what holds; without it nobody does.
    assert!(other.check(UNIX, &made_up, "GET", &target).is_err(), "{made_up:?}");
    let value = one.sign(UNIX, "GET", &target, None);
    let mut forged = value.clone().into_bytes();
    let place = at % forged.len();
    forged[place] ^= 1 + (at >> 16) as u8 % 31;
    let forged = input::text(&forged);
    if !forged.eq_ignore_ascii_case(&value) {
        assert!(other.check(UNIX, &forged, "GET", &target).is_err(), "{forged:?}");
    }
    assert_eq!(other.check(UNIX, &value, "POST", &target), Err(NotVouched::WrongSecret));
    assert_eq!(other.check(UNIX, &value, "GET", &target).map(|vouched| vouched.hub), Ok("one".to_owned()));
    assert_eq!(other.check(UNIX, &value, "GET", &target), Err(NotVouched::Used));
}

fn check_frames(mut input: Input<'_>) {
    let pieces = 1 + input.below(16);
    let stream = input.rest();
    let mut whole = Frames::default();
    let close = whole.follow(stream);
    assert_eq!((close, whole.is_between()), read_frames(stream));
    let (mut cut, mut come, mut cut_close) = (Frames::default(), 0, None);
    for piece in stream.chunks(pieces) {
        cut_close = cut_close.or(cut.follow(piece).map(|at| come + at));
        come += piece.len();
    }
    assert_eq!((cut_close, cut.is_between(), cut.rest()), (close, whole.is_between(), whole.rest()));
    assert_eq!((whole.has_closed(), cut.has_closed()), (close.is_some(), close.is_some()));
}

/// Where the first close frame begins, and whether the stream ends between two frames; read from its beginning.
fn read_frames(stream: &[u8]) -> (Option<usize>, bool) {
    let (mut at, mut close) = (0, None);
    while at < stream.len() {
        if stream[at] & 0xf == 8 {
            close = close.or(Some(at));
        }
        let Some(Header { len, payload }) = Header::parse(&stream[at..]) else { return (close, false) };
        let end = (at as u64).saturating_add(len as u64).saturating_add(payload);
        if end > stream.len() as u64 {
            return (close, false);
        }
        at = end as usize;
    }
    (close, true)
}

fn check_address(text: &str) {
    let _ = EngineAddress::parse(text);
    let password = "hush-hush-hush";
    for scheme in ["redis", "rediss+sentinel"] {
        match EngineAddress::parse(&format!("{scheme}://user:{password}@{text}")) {
            // It may be written in the host, too.
            Ok(address) if !text.contains(password) => assert!(!address.to_string().contains(password)),
            Ok(_) => {}
            Err(error) => assert!(!error.to_string().contains(password)),
        }
    }
}

/// Hubs that do as the engine says, and count their leases as they are to.
struct Cluster {
    records: Records,
    now: Duration,
    /// Of each database its owner, the epoch, and until when nobody else may have it.
    owners: BTreeMap<usize, (usize, u64, Duration)>,
    highest: BTreeMap<usize, u64>,
}

fn check_records(mut input: Input<'_>) {
    let mut cluster =
        Cluster { records: Records::default(), now: Duration::ZERO, owners: BTreeMap::new(), highest: BTreeMap::new() };
    while !input.is_empty() {
        let (what, hub, db) = (input.below(6), input.below(3), input.below(2));
        match what {
            0 | 1 => cluster.claim(hub, db, if what == 0 { Mode::Take } else { Mode::Look }),
            2 => cluster.renew(hub, db),
            3 => cluster.release(hub, db),
            4 => cluster.pass(hub, db, input.below(3)),
            _ => cluster.now += LEASE * u32::from(input.byte()) / 200,
        }
    }
}

fn member(hub: usize) -> Member {
    Member { name: format!("hub-{hub}"), address: format!("{hub}:1"), life: String::new() }
}

fn name(db: usize) -> Arc<str> {
    format!("db-{db}").into()
}

impl Cluster {
    fn owner(&self, db: usize) -> Option<(usize, u64)> {
        self.owners.get(&db).filter(|(.., until)| *until > self.now).map(|(hub, epoch, _)| (*hub, *epoch))
    }

    /// What this hub believes to have, if it does.
    fn lease_of(&self, hub: usize, db: usize) -> Option<Lease> {
        self.owner(db).filter(|(owner, _)| *owner == hub).map(|(_, epoch)| (name(db), epoch))
    }

    fn own(&mut self, hub: usize, db: usize, epoch: u64) {
        let before = self.highest.insert(db, epoch);
        assert!(before.is_none_or(|before| before < epoch), "epoch {epoch} after {before:?}");
        self.owners.insert(db, (hub, epoch, self.now + LEASE));
    }

    fn claim(&mut self, hub: usize, db: usize, mode: Mode) {
        let wanted = Wanted { db: name(db), seen: 0 };
        let former = self.owner(db);
        match (self.records.claim(&wanted, mode, &member(hub), LEASE, self.now), former) {
            (Claim::Mine { epoch }, None) => {
                assert_eq!(mode, Mode::Take);
                self.own(hub, db, epoch);
            }
            (Claim::Mine { epoch }, Some((owner, _))) => {
                assert_eq!(owner, hub, "it is another hub's");
                self.own(hub, db, epoch);
            }
            (Claim::Foreign { owner, left }, Some((its, epoch))) => {
                assert_eq!((&*owner.name, owner.epoch), (&*member(its).name, epoch));
                assert!(left <= LEASE);
            }
            (Claim::Vacant, None) => assert_eq!(mode, Mode::Look),
            (claim, former) => panic!("{claim:?}, and it is {former:?}'s"),
        }
    }

    fn renew(&mut self, hub: usize, db: usize) {
        let Some(lease) = self.lease_of(hub, db) else { return };
        assert_eq!(self.records.renew(&lease, &member(hub), LEASE, self.now), Renewal::Renewed);
        self.owners.insert(db, (hub, lease.1, self.now + LEASE));
    }

    fn release(&mut self, hub: usize, db: usize) {
        // Of one that it has not, too: an epoch that is over.
        let lease = self.lease_of(hub, db);
        let old = (name(db), self.highest.get(&db).copied().unwrap_or_default().saturating_sub(1));
        self.records.release(lease.as_ref().unwrap_or(&old), &member(hub));
        if lease.is_some() {
            self.owners.remove(&db);
        }
    }

    fn pass(&mut self, hub: usize, db: usize, to: usize) {
        let Some(lease) = self.lease_of(hub, db) else { return };
        let passed = self.records.pass(&lease, &member(hub), &member(to), LEASE, self.now);
        assert_eq!(passed, Renewal::Renewed);
        self.own(to, db, lease.1 + 1);
    }
}
