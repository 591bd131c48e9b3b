//! A master process that starts while another one is connected: it waits for that one's place, and gets it or not.

use super::{
    super::{
        message::MASTER,
        succession::{ANSWER_TIMEOUT_MS, DOOM_MS},
    },
    world::{Rival, World},
};
use crate::hub::{coordinator::Decision, testing::Answer};

/// How long a newcomer may wait for the master's place, in milliseconds.
const LONGEST_WAIT_MS: u64 = DOOM_MS;

impl World {
    pub(super) fn rival_comes(&mut self) {
        if self.on_air.is_some() && self.rival.is_none() {
            let (caller, answer) = self.rig.ask_in(MASTER);
            // The master may have said `bye`.
            match answer {
                Answer::Wait => self.rival = Some(Rival { caller, since: self.rig.now(), told: None }),
                _ => self.rig.withdraw(caller),
            }
        }
    }

    /// The connected master does not answer for as long as a newcomer waits.
    pub(super) fn take_over(&mut self) -> Result<(), String> {
        self.rival_comes();
        self.hear_decisions()?;
        // One that was dismissed, and is back, is left without a word.
        let waits = self.rival.as_ref().filter(|rival| rival.told.is_some());
        // One that is being identified would rightly count as a new one.
        let Some(until) = waits.map(|rival| rival.since + ANSWER_TIMEOUT_MS).filter(|_| !self.rig.master_is_asked())
        else {
            return Ok(());
        };
        self.rig.advance(until.saturating_sub(self.rig.now()));
        self.give_up_workers();
        self.masters.iter_mut().for_each(|master| master.time_passes(self.rig.now()));
        self.note_identity()?;
        self.hear_decisions()
    }

    /// What the hub has decided about whom waits. It is let in only where no master is that has shown to be alive.
    pub(super) fn hear_decisions(&mut self) -> Result<(), String> {
        self.notice_dismissal();
        while let Some((caller, decision)) = self.rig.decisions.pop_front() {
            let Some(rival) = self.rival.as_mut().filter(|rival| rival.caller == caller) else {
                return Err(format!("{decision:?} for somebody who does not wait"));
            };
            match decision {
                Decision::StandBy(text) => rival.told = Some(text),
                Decision::Refuse(_) => {
                    self.rival = None;
                    self.rig.withdraw(caller);
                }
                Decision::LetIn => self.rival_enters()?,
            }
        }
        if self.rival.as_ref().is_some_and(|rival| rival.since + LONGEST_WAIT_MS < self.rig.now()) {
            return Err("a newcomer is not told what becomes of it".to_owned());
        }
        Ok(())
    }

    fn rival_enters(&mut self) -> Result<(), String> {
        let Some(rival) = self.rival.take() else { return Ok(()) };
        let is_there = self.on_air.is_some_and(|master| !self.masters[master].said_bye);
        let was_silent = rival.told.is_some() && self.rig.now() - rival.since == ANSWER_TIMEOUT_MS;
        if is_there && !was_silent {
            return Err("a second master is let in beside one that lives".to_owned());
        }
        self.enter_master(None, rival.caller)?;
        match (rival.told, self.on_air) {
            (Some(text), Some(master)) => self.masters[master].is_told(&self.rig, &text),
            _ => Ok(()),
        }
    }
}
