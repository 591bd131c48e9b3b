//! What of a broken connection is sent again.

use std::sync::Arc;

use bytes::Bytes;

use crate::hub::{Outbox, Pushed, shelf::Shelf, testing::Wire, transport::LinkId};

const WELCOME: &str = "welcome:{}";

fn attach(outbox: &Arc<Outbox>, link: u64, gated: bool) -> Wire {
    let wire = Wire::new(LinkId(link), outbox.clone());
    outbox.attach(LinkId(link), wire.transport(), WELCOME, gated);
    wire.flush();
    wire
}

fn retaining() -> (Arc<Outbox>, Wire) {
    let outbox = Arc::new(Outbox::new(1 << 20));
    outbox.retain();
    let wire = attach(&outbox, 1, false);
    (outbox, wire)
}

fn push(outbox: &Outbox, text: &str) {
    outbox.push_text(&Bytes::copy_from_slice(text.as_bytes()));
}

#[test]
fn what_was_not_acknowledged_is_sent_again_and_nothing_else() {
    let (outbox, first) = retaining();
    for text in ["one", "two", "three"] {
        push(&outbox, text);
    }
    first.flush();
    // The welcome and "one" arrived whole, "two" only in part.
    first.set_texts_arrived(2, 3);
    outbox.detach();
    push(&outbox, "four");
    let second = attach(&outbox, 2, false);
    assert_eq!(second.texts(), [WELCOME, "two", "three", "four"]);
}

#[test]
fn large_texts_are_sent_again_whole() {
    let (outbox, first) = retaining();
    let large = "x".repeat(200_000);
    push(&outbox, "one");
    push(&outbox, &large);
    push(&outbox, "two");
    first.set_room(100_000);
    first.flush();
    first.set_texts_arrived(2, 70_000);
    outbox.detach();
    let second = attach(&outbox, 2, false);
    assert_eq!(second.texts(), [WELCOME, &large, "two"]);
}

#[test]
fn wherever_an_acknowledgement_ends_the_texts_that_it_does_not_cover_are_sent_again() {
    let large = "x".repeat(2_100);
    let texts = [WELCOME, "one", "two", &large, "three", &large, "four", "five", &large];
    let ends: Vec<usize> = texts
        .iter()
        .scan(0, |end, text| {
            *end += text.len() + if text.len() > 125 { 4 } else { 2 };
            Some(*end)
        })
        .collect();
    for acknowledged in 0..=ends[texts.len() - 1] {
        let (outbox, first) = retaining();
        for written_together in texts[1..].chunks(3) {
            written_together.iter().for_each(|text| push(&outbox, text));
            first.flush();
        }
        // Twice: what has been let go of already is no more looked at.
        for acknowledged in [acknowledged / 2, acknowledged] {
            first.set_arrived(acknowledged as u64);
            outbox.trim();
        }
        outbox.detach();
        let left: Vec<_> = texts.iter().zip(&ends).skip(1).filter(|(_, end)| **end > acknowledged).collect();
        let second = attach(&outbox, 2, false);
        assert!(second.news().iter().eq(left.iter().map(|(text, _)| **text)), "{acknowledged} bytes");
    }
}

#[test]
fn answers_to_pings_of_the_old_connection_are_not_sent_again() {
    let (outbox, first) = retaining();
    first.set_texts_arrived(0, 0);
    push(&outbox, "pong");
    push(&outbox, "one");
    first.flush();
    outbox.detach();
    assert_eq!(attach(&outbox, 2, false).texts(), [WELCOME, "one"]);
}

#[test]
fn acknowledged_texts_are_let_go_of() {
    let (outbox, first) = retaining();
    first.set_texts_arrived(0, 0);
    push(&outbox, "one");
    push(&outbox, "two");
    first.flush();
    first.set_texts_arrived(2, 0);
    outbox.trim();
    outbox.detach();
    assert_eq!(outbox.take_undelivered(), ["two"]);
    assert!(outbox.take_undelivered().is_empty());
}

#[test]
fn an_outbox_may_begin_to_retain_in_the_middle_of_its_stream() {
    let outbox = Arc::new(Outbox::new(1 << 20));
    let first = attach(&outbox, 1, false);
    push(&outbox, "before");
    first.flush();
    outbox.retain();
    push(&outbox, "after");
    first.flush();
    first.set_texts_arrived(2, 1);
    outbox.detach();
    assert_eq!(outbox.take_undelivered(), ["after"]);
}

#[test]
fn behind_a_shut_gate_only_probes_pass() {
    let (outbox, first) = retaining();
    first.set_texts_arrived(1, 0);
    push(&outbox, "kept");
    outbox.detach();
    let second = attach(&outbox, 2, true);
    push(&outbox, "since");
    outbox.push_probe(&Bytes::from_static(b"probe"));
    second.flush();
    assert_eq!(second.texts(), [WELCOME, "probe"]);
    outbox.open_gate(true);
    second.flush();
    assert_eq!(second.texts(), [WELCOME, "probe", "kept", "since"]);
}

#[test]
fn another_peer_under_the_same_id_does_not_get_what_was_kept() {
    let (outbox, _) = retaining();
    push(&outbox, "kept");
    outbox.detach();
    let second = attach(&outbox, 2, true);
    push(&outbox, "since");
    outbox.open_gate(false);
    second.flush();
    assert_eq!(second.texts(), [WELCOME, "since"]);
}

#[test]
fn what_waits_behind_a_gate_waits_behind_the_next_one_too() {
    for same in [true, false] {
        let (outbox, first) = retaining();
        first.set_texts_arrived(1, 0);
        push(&outbox, "kept");
        outbox.detach();
        let second = attach(&outbox, 2, true);
        outbox.push_probe(&Bytes::from_static(b"probe"));
        push(&outbox, "since");
        second.flush();
        second.set_texts_arrived(1, 0);
        outbox.detach();
        // What asked the peer on the connection before means nothing on this one.
        let third = attach(&outbox, 3, true);
        push(&outbox, "last");
        assert_eq!(third.texts(), [WELCOME]);
        outbox.open_gate(same);
        third.flush();
        let expected: &[&str] = if same { &[WELCOME, "kept", "since", "last"] } else { &[WELCOME, "last"] };
        assert_eq!(third.texts(), expected);
    }
}

#[test]
fn an_old_connection_cannot_write_any_more() {
    let (outbox, first) = retaining();
    outbox.detach();
    let second = attach(&outbox, 2, false);
    push(&outbox, "one");
    first.flush();
    assert_eq!(first.texts(), [WELCOME]);
    second.flush();
    assert_eq!(second.texts(), [WELCOME, "one"]);
}

#[test]
fn nothing_follows_what_did_not_fit() {
    let outbox = Arc::new(Outbox::new(100));
    let wire = attach(&outbox, 1, false);
    wire.set_room(0);
    push(&outbox, "one");
    let too_long = Bytes::from(vec![b'x'; 200]);
    assert_eq!(outbox.push_text(&too_long), Pushed::Overflow);
    assert_eq!(outbox.push_text(&Bytes::from_static(b"two")), Pushed::Overflow);
    wire.set_room(1_000);
    wire.flush();
    assert_eq!(wire.texts(), [WELCOME, "one"]);
}

#[test]
fn a_gate_that_was_shut_when_the_outbox_went_to_another_process_opens_there_as_here() {
    for (has_kept, has_since) in [(false, false), (false, true), (true, false), (true, true)] {
        let (outbox, first) = retaining();
        first.set_texts_arrived(1, 0);
        if has_kept {
            push(&outbox, "kept");
        }
        outbox.detach();
        let second = attach(&outbox, 2, true);
        if has_since {
            push(&outbox, "since");
        }
        let mut shelf = Shelf::default();
        let frozen = outbox.freeze(&mut shelf);
        let moved = Arc::new(Outbox::thaw(frozen, 1 << 20, &shelf.into_bytes()).unwrap());
        let wire = second.passed_on(moved.clone());
        moved.reattach(LinkId(2), wire.transport());
        moved.open_gate(true);
        push(&moved, "after");
        wire.flush();
        let expected = [(WELCOME, true), ("kept", has_kept), ("since", has_since), ("after", true)];
        let expected: Vec<_> = expected.iter().filter(|(_, is_there)| *is_there).map(|(text, _)| *text).collect();
        assert_eq!(wire.texts(), expected);
        // What has arrived is let go of, again and again, and only the rest is sent again.
        for count in 1..=expected.len() {
            wire.set_texts_arrived(count, 0);
            moved.trim();
        }
        push(&moved, "more");
        wire.flush();
        moved.trim();
        wire.set_arrived(0);
        moved.detach();
        assert_eq!(moved.take_undelivered(), ["more"]);
    }
}

#[test]
fn what_comes_behind_the_last_frame_of_a_connection_waits_for_the_next_one() {
    const PONG_FRAME: [u8; 2] = [0x8a, 0];
    let (outbox, first) = retaining();
    push(&outbox, "one");
    assert!(outbox.seal(LinkId(1), &PONG_FRAME));
    push(&outbox, "two");
    assert!(!outbox.seal(LinkId(1), &PONG_FRAME));
    assert_eq!(outbox.push_control(LinkId(1), &PONG_FRAME), None);
    first.flush();
    // The last frame is no text.
    assert_eq!(first.texts(), [WELCOME, "one", ""]);
    // Nobody knows whether "one" has arrived.
    first.set_texts_arrived(1, 0);
    outbox.detach();
    push(&outbox, "three");
    let second = attach(&outbox, 2, false);
    assert_eq!(second.texts(), [WELCOME, "one", "two", "three"]);
}
