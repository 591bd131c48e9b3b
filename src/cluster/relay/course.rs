//! What becomes of a client whose database this hub has not: whom it is taken to, when it is asked again, and how its
//! connection ends. Pure: it decides, others do.
//!
//! A client *knocks* as long as its request is not answered. If that takes too long it is let into the *lobby*: its
//! connection stands, and nobody hears it. It is *attached* when the hub that has the database has taken it in.

use std::time::Duration;

use crate::{
    cluster::{Owner, Whereabouts, WhyNobody},
    hub::coordinator::Loss,
    protocol::close::CloseReason,
};

/// Pauses between two attempts at an owner: the first is short, for it may be a matter of a moment; then as long as
/// nobody minds, for the lease of one that is gone ends within seconds.
const PAUSES: [Duration; 3] = [Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(250)];

/// The search for the hub that takes a client in.
#[derive(Debug, Default)]
pub struct Search {
    /// Attempts in a row that have failed.
    misses: usize,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look where the database is, and wait until somebody has it.
    Find,
    /// Open the client's connection there.
    Open(Owner),
    /// This hub has it: no other is needed.
    Enter,
    /// Wait, then look again.
    Pause(Duration),
}

/// Why an owner has neither taken a client in nor refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// Not now: it stops, or is full.
    Busy,
    /// It has not got the database (421).
    NotOwner,
    /// Nothing: it was not reached, or has ended.
    Unreachable,
}

impl Search {
    /// It is known where the database is.
    pub fn located(&mut self, at: Whereabouts) -> Next {
        match at {
            Whereabouts::Here { .. } => Next::Enter,
            Whereabouts::At(owner) => Next::Open(owner),
            // Who looks for it has waited already, or has no reason to.
            Whereabouts::Nobody(_) => self.pause(),
        }
    }

    /// The owner was missed, for whatever reason: by the time that it is asked again, it may be another one.
    pub fn missed(&mut self, _: Miss) -> Next {
        self.pause()
    }

    fn pause(&mut self) -> Next {
        let pause = PAUSES[self.misses.min(PAUSES.len() - 1)];
        self.misses += 1;
        Next::Pause(pause)
    }
}

/// The database is no longer where a client was taken to. While the engine does not answer nothing better is known, and
/// an owner that lives goes on.
pub fn has_moved(owner: &Owner, at: &Whereabouts) -> bool {
    match at {
        Whereabouts::At(now) => (&now.name, now.epoch) != (&owner.name, owner.epoch),
        Whereabouts::Nobody(WhyNobody::EngineDown) => false,
        Whereabouts::Here { .. } | Whereabouts::Nobody(_) => true,
    }
}

/// How far a client has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its request is not answered.
    Knocking,
    /// Its connection stands, and nobody hears it.
    Lobby,
    /// The owner has it.
    Attached,
}

/// What ends a client's stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The owner does not take it in.
    Refused,
    /// The database has another owner, or none.
    Moved,
    /// The owner's side has ended; whether it has said goodbye to the client.
    OwnerEnded { said_goodbye: bool },
    /// The client has.
    ClientEnded(Loss),
    /// This hub stops; whether the next process on this port goes on with its connections.
    Stopping { bequeaths: bool },
    /// It has waited for too long.
    TooLong,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its request is answered as the owner has.
    Answer,
    /// It is told why, where that can be said; what it says before it agrees still goes to the owner, if it has one.
    Close(CloseReason),
    /// All is said.
    HangUp,
    /// Nobody is left to be told but the owner, and how the client has ended: else it would believe that this hub has
    /// lost it.
    Report(Loss),
    /// Nobody is left to be told.
    Leave,
}

/// How a client's stay ends.
pub fn ending(stage: Stage, event: Event) -> Ending {
    match (event, stage) {
        (Event::Refused, Stage::Knocking) => Ending::Answer,
        // It comes back at once, and hears why in words that it understands.
        (Event::Refused, _) | (Event::Moved | Event::TooLong, _) => Ending::Close(CloseReason::Moved),
        (Event::OwnerEnded { said_goodbye: true }, _) => Ending::HangUp,
        (Event::OwnerEnded { said_goodbye: false }, _) => Ending::Close(CloseReason::Moved),
        (Event::Stopping { bequeaths: false }, _) => Ending::Close(CloseReason::Shutdown),
        // Two connections that belong together are not handed over.
        (Event::Stopping { bequeaths: true }, _) => Ending::Close(CloseReason::Moved),
        (Event::ClientEnded(loss @ (Loss::Fin | Loss::Reset)), Stage::Attached) => Ending::Report(loss),
        (Event::ClientEnded(_), _) => Ending::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str, epoch: u64) -> Owner {
        Owner { name: name.into(), address: format!("{name}:9163"), epoch }
    }

    #[test]
    fn a_client_goes_where_its_database_is() {
        let mut search = Search::default();
        assert_eq!(search.located(Whereabouts::Here { epoch: 1 }), Next::Enter);
        assert_eq!(search.located(Whereabouts::At(owner("a", 1))), Next::Open(owner("a", 1)));
        for why in [WhyNobody::Asking, WhyNobody::EngineDown, WhyNobody::GivenUp] {
            assert!(matches!(search.located(Whereabouts::Nobody(why)), Next::Pause(_)));
        }
    }

    #[test]
    fn who_is_not_taken_in_asks_again_and_ever_less_often() {
        let mut search = Search::default();
        let misses = [Miss::NotOwner, Miss::Unreachable, Miss::Busy, Miss::Unreachable];
        let pauses = misses.map(|miss| search.missed(miss));
        let [first, second, rest] = PAUSES.map(Next::Pause);
        assert_eq!(pauses, [first, second, rest.clone(), rest]);
    }

    #[test]
    fn an_owner_is_the_same_only_in_the_same_epoch() {
        let was = owner("a", 3);
        assert!(!has_moved(&was, &Whereabouts::At(owner("a", 3))));
        for now in [
            Whereabouts::At(owner("a", 4)),
            Whereabouts::At(owner("b", 4)),
            Whereabouts::Here { epoch: 4 },
            Whereabouts::Nobody(WhyNobody::Asking),
            Whereabouts::Nobody(WhyNobody::GivenUp),
        ] {
            assert!(has_moved(&was, &now), "{now:?}");
        }
    }

    #[test]
    fn while_the_engine_is_down_nobody_is_torn_from_an_owner_that_lives() {
        assert!(!has_moved(&owner("a", 3), &Whereabouts::Nobody(WhyNobody::EngineDown)));
    }

    #[test]
    fn who_knocks_hears_why_it_is_refused_and_others_come_back_to_hear_it() {
        assert_eq!(ending(Stage::Knocking, Event::Refused), Ending::Answer);
        assert_eq!(ending(Stage::Lobby, Event::Refused), Ending::Close(CloseReason::Moved));
    }

    #[test]
    fn a_client_whose_owner_is_lost_is_closed_so_that_it_forgets_what_it_knows() {
        for event in [Event::Moved, Event::OwnerEnded { said_goodbye: false }] {
            assert_eq!(ending(Stage::Attached, event), Ending::Close(CloseReason::Moved));
        }
        assert_eq!(ending(Stage::Attached, Event::OwnerEnded { said_goodbye: true }), Ending::HangUp);
    }

    #[test]
    fn the_owner_learns_that_a_process_has_died_and_of_nothing_that_is_not_sure() {
        for loss in [Loss::Fin, Loss::Reset] {
            assert_eq!(ending(Stage::Attached, Event::ClientEnded(loss)), Ending::Report(loss));
            assert_eq!(ending(Stage::Lobby, Event::ClientEnded(loss)), Ending::Leave);
        }
        for loss in [Loss::Closed, Loss::Unreachable] {
            assert_eq!(ending(Stage::Attached, Event::ClientEnded(loss)), Ending::Leave);
        }
    }

    #[test]
    fn a_hub_that_stops_says_what_it_says_to_its_own() {
        for stage in [Stage::Lobby, Stage::Attached] {
            let stops = Event::Stopping { bequeaths: false };
            assert_eq!(ending(stage, stops), Ending::Close(CloseReason::Shutdown));
            let hands_over = Event::Stopping { bequeaths: true };
            assert_eq!(ending(stage, hands_over), Ending::Close(CloseReason::Moved));
        }
    }
}
