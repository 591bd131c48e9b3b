//! What of the traffic the owner is shown.

use super::workshop::{connect, hub, say, settings};
use crate::hub::testing::Notebook;

fn traces(notebook: &Notebook) -> Vec<String> {
    let lines = notebook.lines();
    lines.into_iter().filter(|line| line.starts_with("trace ")).collect()
}

#[test]
fn a_database_or_a_peer_can_be_traced_and_no_longer() {
    let (hub, notebook) = hub(settings());
    let (first, _) = connect(&hub, "db", "first");
    let (second, _) = connect(&hub, "db", "second");
    let (elsewhere, _) = connect(&hub, "other", "first");
    say(&first, &["before"]);
    hub.trace("db", Some("first"), true);
    say(&first, &["to:second;one"]);
    say(&second, &["to:third;two", "to:first;three", "ping"]);
    say(&elsewhere, &["four"]);
    hub.trace("db", None, true);
    say(&second, &["to:third;five"]);
    hub.trace("db", None, false);
    hub.trace("db", Some("first"), false);
    say(&first, &["after"]);
    let expected = [
        "trace db first>second 3 forwarded one",
        "trace db second>first 5 forwarded three",
        "trace db second>third 4 forwarded five",
    ];
    assert_eq!(traces(&notebook), expected);
}

#[test]
fn a_text_to_all_is_traced_once() {
    let (hub, notebook) = hub(settings());
    let (first, _) = connect(&hub, "db", "first");
    connect(&hub, "db", "second");
    hub.trace("db", Some("second"), true);
    say(&first, &["to:all;hello"]);
    assert_eq!(traces(&notebook), ["trace db first>all 5 forwarded hello"]);
}
