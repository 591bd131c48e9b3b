//! Keeps what strangers can cause at will from filling the log: of each kind and address one event is told at once,
//! and those that follow are told as one, with their number, when the interval is over.
//!
//! Knows no clock but the one it is given.

use std::{
    collections::HashMap,
    mem,
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

use crate::hub::event::{Event, Refusal};

/// The least time between two events of a kind and an address.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many pairs of a kind and an address are told apart. Events from further addresses are told apart by their kind
/// only, so that no number of addresses makes many more lines than this in an interval.
const MAX_KEYS: usize = 256;

/// When each kind of event was last told of each address, and how many have been left out since.
#[derive(Debug, Default)]
pub(super) struct Throttle(HashMap<Key, Told>);

/// What counts as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    kind: &'static str,
    /// `None`: caused by nobody in particular, or by one address too many.
    from: Option<IpAddr>,
}

/// When something of a key was told last, and what was held back since.
#[derive(Debug)]
struct Told {
    at: Instant,
    held_back: Option<HeldBack>,
}

#[derive(Debug)]
struct HeldBack {
    last: Event,
    /// How many there were before the last one.
    others: u64,
}

impl Throttle {
    /// The event, if it is to be told now; else it is held back. `from`: who caused it, if it matters.
    pub(super) fn pass(&mut self, from: Option<IpAddr>, event: Event, now: Instant) -> Option<Event> {
        let key = self.key(from, &event);
        match self.0.get_mut(&key) {
            Some(told) => {
                told.hold_back(event);
                None
            }
            None => {
                self.0.insert(key, Told { at: now, held_back: None });
                Some(event)
            }
        }
    }

    /// What was held back and is to be told by now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Event> {
        let mut due = Vec::new();
        self.0.retain(|_, told| {
            if now.saturating_duration_since(told.at) < INTERVAL {
                return true;
            }
            let held_back = told.held_back.take();
            told.at = now;
            let is_going_on = held_back.is_some();
            due.extend(held_back.map(HeldBack::into_event));
            is_going_on
        });
        due
    }

    /// All that is held back: there is no later.
    pub(super) fn rest(&mut self) -> Vec<Event> {
        mem::take(&mut self.0).into_values().filter_map(|told| told.held_back).map(HeldBack::into_event).collect()
    }

    fn key(&self, from: Option<IpAddr>, event: &Event) -> Key {
        let kind = kind_of(event);
        let key = Key { kind, from: from.map(network) };
        if self.0.len() < MAX_KEYS || self.0.contains_key(&key) { key } else { Key { kind, from: None } }
    }
}

impl Told {
    fn hold_back(&mut self, event: Event) {
        let others = self.held_back.as_ref().map_or(0, |held_back| held_back.others + 1);
        self.held_back = Some(HeldBack { last: event, others });
    }
}

impl HeldBack {
    /// The last one, which says how many others there were.
    fn into_event(self) -> Event {
        let others = self.others;
        match self.last {
            Event::Refused(refusal) => Event::Refused(Refusal { left_out: others, ..refusal }),
            Event::Warning { code, message } if others > 0 => Event::Warning {
                code,
                message: format!("{message} (and {others} more like it since the last warning)"),
            },
            event => event,
        }
    }
}

/// One word for what happened.
fn kind_of(event: &Event) -> &'static str {
    match event {
        Event::Refused(refusal) => refusal.reason,
        Event::Warning { code, .. } => code,
        _ => "",
    }
}

/// Who has one IPv6 address mostly has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::watch::tests;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn refusal(reason: &'static str) -> Event {
        Event::Refused(tests::refusal(reason))
    }

    /// How many each of these events stands for.
    fn counts(events: &[Event]) -> Vec<u64> {
        let count = |event: &Event| match event {
            Event::Refused(refusal) => refusal.left_out + 1,
            _ => 0,
        };
        events.iter().map(count).collect()
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_as_one_after_the_interval() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        assert!(throttle.pass(Some(HOST), refusal("token"), start).is_some());
        for _ in 0..1_000 {
            assert!(throttle.pass(Some(HOST), refusal("token"), start + INTERVAL / 2).is_none());
        }
        assert!(throttle.due(start + INTERVAL / 2).is_empty());
        assert_eq!(counts(&throttle.due(start + INTERVAL)), [1_000]);
        assert!(throttle.due(start + INTERVAL * 2).is_empty());
        assert!(throttle.pass(Some(HOST), refusal("token"), start + INTERVAL * 2).is_some());
    }

    #[test]
    fn while_it_goes_on_there_is_one_in_each_interval() {
        let (mut throttle, start) = (Throttle::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..60 {
            let now = start + Duration::from_secs(second);
            told.extend(throttle.due(now));
            told.extend((0..10).filter_map(|_| throttle.pass(Some(HOST), refusal("token"), now)));
        }
        told.extend(throttle.rest());
        assert_eq!(counts(&told), [1, 99, 100, 100, 100, 100, 100]);
    }

    #[test]
    fn kinds_and_addresses_do_not_hide_each_other() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let other = Some([10, 0, 0, 1].into());
        assert!(throttle.pass(Some(HOST), refusal("token"), now).is_some());
        assert!(throttle.pass(Some(HOST), refusal("id"), now).is_some());
        assert!(throttle.pass(other, refusal("token"), now).is_some());
        assert!(throttle.pass(other, refusal("token"), now).is_none());
    }

    #[test]
    fn any_number_of_addresses_makes_a_bounded_number_of_events_and_none_is_lost() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let from = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let mut told: Vec<_> =
            (0..100_000).filter_map(|number| throttle.pass(from(number), refusal("token"), now)).collect();
        assert!(told.len() <= MAX_KEYS + 1 && throttle.0.len() <= MAX_KEYS + 1, "{} events", told.len());
        told.extend(throttle.due(now + INTERVAL));
        assert_eq!(counts(&told).iter().sum::<u64>(), 100_000);
        throttle.due(now + INTERVAL * 2);
        assert!(throttle.0.is_empty());
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let from = |text: &str| Some(text.parse().unwrap());
        assert!(throttle.pass(from("2001:db8::1"), refusal("token"), now).is_some());
        assert!(throttle.pass(from("2001:db8::ffff:2"), refusal("token"), now).is_none());
        assert!(throttle.pass(from("2001:db8:0:1::1"), refusal("token"), now).is_some());
    }

    #[test]
    fn a_warning_says_how_many_more_there_were() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let warning = || Event::Warning { code: "full", message: "It is full".into() };
        for _ in 0..3 {
            throttle.pass(None, warning(), now);
        }
        let due = throttle.due(now + INTERVAL);
        let Some(Event::Warning { message, .. }) = due.first() else { panic!("{due:?}") };
        assert_eq!(message, "It is full (and 1 more like it since the last warning)");
    }
}
