//! The extension: its words, and clients that follow its rules, on a hub that ends whenever it likes.

use acebase_ipc_server::{
    hub::reliable_model::{Step, World},
    protocol::{
        query::Query,
        reliable::{MAX_NUMBER, Offer, Word, fellows, text_behind_origin},
    },
};

use crate::input::{self, Input};

/// Steps of one run. Longer runs find little more, and take longer.
const MAX_STEPS: usize = 200;

/// Any text as a frame of either side and as a query; or any sequence of what can happen to clients and their hub.
///
/// - A frame is read as it was written: its word, its number and its text put together give it back. What has no number
///   that JavaScript can tell from others is no message.
/// - An offer names what the query names.
/// - What must hold for clients and hub is said in the model: nothing is lost, doubled or out of order, and all is
///   acknowledged in the end.
pub fn reliable(data: &[u8]) {
    let mut input = Input::new(data);
    if input.flag() {
        return check_words(&input::text(input.rest()));
    }
    let mut world = World::new(input.flag());
    for number in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        let step = step(&mut input);
        world.take(step).unwrap_or_else(|wrong| panic!("step {number}, {step:?}: {wrong}"));
    }
    world.come_to_rest().unwrap_or_else(|wrong| panic!("{wrong}"));
}

fn step(input: &mut Input<'_>) -> Step {
    let at = input.below(4);
    match input.byte() % 16 {
        0 => Step::Say(at, None),
        1 | 2 => Step::Say(at, Some(input.below(4))),
        3 => Step::Ask(at, input.below(4)),
        4 | 5 => Step::Deliver(at, 1 + input.below(8)),
        6 | 7 => Step::Read(at, 1 + input.below(8)),
        8 => Step::Acknowledge(at),
        9 => Step::Ping(at),
        10 => Step::Cut(at),
        11 | 12 => Step::Connect(at),
        13 => Step::Crash,
        14 => Step::HandOver,
        _ => Step::Pass(input.pick(&[1, 30, 60, 1_000, 4_000, 6_000, 11_000])),
    }
}

fn check_words(text: &str) {
    match Word::parse(text) {
        None => {}
        Some(Word::Message { number, is_resent, body }) => {
            let word = if is_resent { '!' } else { '#' };
            assert_eq!(format!("{word}{number} {}", &text[body..]), text);
            assert!((1..MAX_NUMBER).contains(&number), "{number} is no number of a message");
        }
        Some(Word::Had(count)) => assert_eq!(format!("={count}"), text),
        Some(Word::State(state)) => {
            assert_eq!(format!("~{state}"), text);
            drop(fellows(state));
        }
        Some(Word::Ping) => assert_eq!(text, "ping"),
    }
    if let Some(begin) = text_behind_origin(text.as_bytes()) {
        assert!(text.starts_with('#') && text.as_bytes()[begin - 1] == b' ' && !text[..begin - 1].contains(' '));
    }
    let query = Query::parse(text);
    if let Some(offer) = Offer::of(&query) {
        assert_eq!(Some(&offer.life), query.life.as_ref());
        assert!(offer.had == 0 || offer.session.is_some());
        assert!(offer.session.is_none() || offer.session == query.session);
    }
}
