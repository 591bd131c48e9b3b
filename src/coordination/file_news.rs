//! What every process must know of the database's files, beyond its cache: where the root record is, which keys the
//! table of keys has, which indexes there are. Processes read it from the files once, and are told of changes
//! afterwards. `catching_up` tells why it is remembered, and who is told.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::message::Place;

/// Bytes of news that are kept at most: the table of keys has 64 KiB in the file, and each key comes in a message of
/// its own. What is past that is told once and not again.
const MAX_BYTES: usize = 4 << 20;

/// Former places of the root record that are known at most: as many moves as a process may be behind.
const MAX_FORMER: usize = 64;

/// What was told of the files since the database is known here.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct FileNews {
    /// Where the root record is, and the message that has told it.
    root: Option<(Place, Bytes)>,
    /// Where it was before, oldest first.
    former_roots: VecDeque<Place>,
    /// Moves of the root record that the master was told of, and has not repeated.
    unrepeated_by_master: VecDeque<Place>,
    /// By their places in the table of keys.
    keys: BTreeMap<u64, Bytes>,
    /// By their files.
    indexes: BTreeMap<String, Bytes>,
    bytes: usize,
}

impl FileNews {
    /// All that a process must be told that may have read the files before others changed them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Bytes> {
        let root = self.root.iter().map(|(_, text)| text);
        self.keys.values().chain(root).chain(self.indexes.values())
    }

    /// The root record is at this place, as all have been told.
    pub(super) fn has_root_at(&self, place: Place) -> bool {
        self.root.as_ref().is_some_and(|(root, _)| *root == place)
    }

    /// The root record was at this place, not long ago.
    pub(super) fn had_root_at(&self, place: Place) -> bool {
        self.former_roots.contains(&place)
    }

    /// A worker has moved the root record, and the master is told.
    pub(super) fn worker_moves_root(&mut self, place: Place, text: &Bytes) {
        push_bounded(&mut self.unrepeated_by_master, place);
        self.root_moves(place, text);
    }

    /// The master has moved the root record: it has repeated all that it was told before.
    pub(super) fn master_moves_root(&mut self, place: Place, text: &Bytes) {
        self.unrepeated_by_master.clear();
        self.root_moves(place, text);
    }

    /// The root record may have been moved since without a word.
    pub(super) fn root_is_unknown(&mut self) {
        if let Some((former, _)) = self.root.take() {
            push_bounded(&mut self.former_roots, former);
        }
    }

    fn root_moves(&mut self, place: Place, text: &Bytes) {
        self.root_is_unknown();
        self.root = Some((place, Bytes::copy_from_slice(text)));
    }

    /// The master repeats a move that it was told of: it does so in their order, and has no word for those between.
    pub(super) fn master_repeats(&mut self, place: Place) -> bool {
        let Some(at) = self.unrepeated_by_master.iter().position(|told| *told == place) else { return false };
        self.unrepeated_by_master.drain(..=at);
        true
    }

    /// What a master was told may have been lost on its way, or another process has its place.
    pub(super) fn master_changes(&mut self) {
        self.unrepeated_by_master.clear();
    }

    /// There is a new key in the table.
    pub(super) fn key_is_added(&mut self, index: u64, text: &Bytes) {
        keep(&mut self.keys, &mut self.bytes, index, text);
    }

    /// There is a new index.
    pub(super) fn index_is_created(&mut self, file_name: &str, text: &Bytes) {
        keep(&mut self.indexes, &mut self.bytes, file_name.to_owned(), text);
    }

    /// An index is gone: who is told of it all the same may not survive that.
    pub(super) fn index_is_deleted(&mut self, file_name: &str) {
        let former = self.indexes.remove(file_name);
        self.bytes -= former.map_or(0, |former| former.len());
    }
}

/// Keeps what was told of something, in place of what was told before, if there is room. `bytes`: of all that is kept.
fn keep<K: Ord>(kept: &mut BTreeMap<K, Bytes>, bytes: &mut usize, about: K, text: &Bytes) {
    if *bytes + text.len() <= MAX_BYTES {
        let former = kept.insert(about, Bytes::copy_from_slice(text));
        *bytes = *bytes + text.len() - former.map_or(0, |former| former.len());
    }
}

fn push_bounded(places: &mut VecDeque<Place>, place: Place) {
    if places.len() >= MAX_FORMER {
        places.pop_front();
    }
    places.push_back(place);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut news = FileNews::default();
        for index in 0..8 {
            news.key_is_added(index, &text(MAX_BYTES / 4));
        }
        assert_eq!((news.all().count(), news.bytes), (4, MAX_BYTES));
        news.index_is_deleted("none.idx");
        for record in 0..1000 {
            news.worker_moves_root(Place { page: 0, record }, &text(1));
        }
        assert_eq!((news.former_roots.len(), news.unrepeated_by_master.len()), (MAX_FORMER, MAX_FORMER));
    }

    #[test]
    fn an_index_is_told_of_until_it_is_gone() {
        let mut news = FileNews::default();
        news.index_is_created("a.idx", &text(3));
        news.index_is_created("a.idx", &text(5));
        assert_eq!((news.all().count(), news.bytes), (1, 5));
        news.index_is_deleted("a.idx");
        assert_eq!((news.all().count(), news.bytes), (0, 0));
    }

    #[test]
    fn a_master_repeats_each_move_once_and_in_order() {
        let place = |record| Place { page: 0, record };
        let mut news = FileNews::default();
        for record in 1..=3 {
            news.worker_moves_root(place(record), &text(1));
        }
        assert!(news.master_repeats(place(2)) && !news.master_repeats(place(1)) && news.master_repeats(place(3)));
        news.worker_moves_root(place(4), &text(1));
        news.master_moves_root(place(5), &text(1));
        assert!(!news.master_repeats(place(4)));
    }
}
