//! Notes for the server's owner.

use crate::{
    acebase::{Note, NoteKind},
    hub::coordinator::Action,
};

/// Writes down something that the server's owner may want to see.
pub(super) fn note(out: &mut Vec<Action>, kind: NoteKind, peer: &str, detail: String) {
    out.push(Action::Note(Note { kind, peer: peer.to_owned(), detail }));
}
