//! The hub with peers that join, speak, read slowly, vanish and return: everybody gets what is for them.

mod peer;
mod world;

use crate::input::Input;
use world::World;

/// Events of one run.
const MAX_EVENTS: usize = 150;

/// Any sequence of joins, texts, reads, acknowledgements, losses and returns.
///
/// - A peer gets every text that is for it, in the order of sending, each once; nothing else of what peers say. Across
///   the breaks of its connection, too, where its session goes on: what it cannot have got it gets again.
/// - A peer that leaves, or is cut off because it is too slow, has got everything up to there.
/// - Only a peer for which more than `maxQueue` bytes wait is too slow; and for nobody wait more than that and one
///   text.
/// - Everybody is told of all others that join and leave; the hub has no peer that is not there.
/// - A connection that was replaced or lost says nothing any more.
/// - Whoever hands the hub over to another one in the middle of it changes nothing of that.
/// - Large texts are handed out once to each addressee, where they have to be fetched.
pub fn hub(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new(&mut input);
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        world.play(&mut input);
        world.check();
    }
    world.come_to_rest();
}
