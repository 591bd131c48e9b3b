//! The connection of the master process: it comes, reads and writes, breaks, and comes back as the same or as another.

use super::{super::message::MASTER, master::Master, world::World};
use crate::hub::{
    coordinator::Loss,
    testing::{Answer, Caller},
};

/// How many questions who it is a master may leave unanswered in a row, and still be told from a new one.
const QUESTIONS_BORNE: u32 = 2;

/// How many masters one request may end.
const MAX_VICTIMS: u32 = 2;

impl World {
    /// A master connects: one that lives, or a new one.
    pub(super) fn connect_master(&mut self, which: Option<usize>) -> Result<(), String> {
        let (caller, answer) = self.rig.ask_in(MASTER);
        match answer {
            Answer::Come => self.enter_master(which, caller),
            Answer::Wait | Answer::Out(_) => {
                self.rig.withdraw(caller);
                self.hear_decisions()
            }
        }
    }

    pub(super) fn enter_master(&mut self, which: Option<usize>, caller: Caller) -> Result<(), String> {
        let identity = self.rig.master_identity;
        self.rig.enter(MASTER, caller);
        if let Some(replaced) = self.on_air.take() {
            self.is_disturbed = true;
            // Its connection is closed by the hub.
            self.masters[replaced].loses_what_it_wrote();
        }
        let master = which.unwrap_or_else(|| {
            self.masters.push(Master::default());
            self.masters.len() - 1
        });
        self.on_air = Some(master);
        self.masters[master].fresh_marks_read = 0;
        if identity == self.rig.master_identity {
            self.questions += 1;
        } else {
            self.questions = 0;
            self.masters[master].begins(self.rig.master_identity, self.rig.now());
        }
        self.note_identity()?;
        self.hear_decisions()
    }

    /// A living master that is not connected connects.
    pub(super) fn return_master(&mut self, which: usize) -> Result<(), String> {
        let waits = |master: &usize| self.on_air != Some(*master) && !self.masters[*master].said_bye;
        let waiting: Vec<usize> = (0..self.masters.len()).filter(waits).collect();
        match which.checked_rem(waiting.len()) {
            Some(which) => self.connect_master(Some(waiting[which])),
            None => Ok(()),
        }
    }

    pub(super) fn disturb_master(&mut self, loss: Loss, reads: usize, writes: usize) -> Result<(), String> {
        self.is_disturbed = true;
        self.lose_master(loss, reads, writes)
    }

    /// The master's connection breaks, after it has read so many texts more, and so many of its own have arrived.
    pub(super) fn lose_master(&mut self, loss: Loss, reads: usize, writes: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        self.master_reads(reads)?;
        self.master_writes(writes)?;
        if self.on_air.is_none() {
            return Ok(());
        }
        self.masters[master].loses_what_it_wrote();
        self.on_air = None;
        self.rig.lose(MASTER, loss);
        Ok(())
    }

    pub(super) fn master_reads(&mut self, texts: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        for _ in 0..texts {
            if !self.masters[master].read(&mut self.rig)? {
                break;
            }
            if let Some(request) = self.masters[master].ended_by.take() {
                return self.master_is_poisoned(master, request);
            }
        }
        Ok(())
    }

    /// The connected master ends by a request. What it has written before arrives.
    fn master_is_poisoned(&mut self, master: usize, request: (String, String)) -> Result<(), String> {
        self.master_writes(usize::MAX)?;
        // After its `bye`, its end is no surprise.
        if !self.masters[master].said_bye {
            let victims = self.victims.entry(request).or_default();
            *victims += 1;
            if *victims > MAX_VICTIMS {
                return Err("a request has ended too many masters".to_owned());
            }
        }
        self.on_air = None;
        self.rig.lose(MASTER, Loss::Fin);
        self.masters.remove(master);
        Ok(())
    }

    pub(super) fn master_writes(&mut self, texts: usize) -> Result<(), String> {
        let Some(master) = self.on_air else { return Ok(()) };
        for _ in 0..texts {
            if !self.masters[master].flush(&mut self.rig) && !self.masters[master].has_created_index() {
                break;
            }
            self.note_identity()?;
            self.hear_decisions()?;
        }
        Ok(())
    }

    /// Compares who the hub takes the returned master for with who it is.
    pub(super) fn note_identity(&mut self) -> Result<(), String> {
        let Some(taken_for_same) = self.rig.identified.take() else { return Ok(()) };
        let Some(master) = self.on_air.map(|master| &mut self.masters[master]) else { return Ok(()) };
        let before = if taken_for_same { self.rig.master_identity } else { self.rig.master_identity - 1 };
        let is_same = master.identity == before && before > 0;
        // One that has not read its marks has nothing to lose by counting as new; nor has one that says `bye` before it
        // says who it is.
        let could_tell = self.questions <= QUESTIONS_BORNE.min(master.marks_read) && !master.said_bye;
        if is_same != taken_for_same && (could_tell || taken_for_same) {
            return Err(format!("the master is taken for the same: {taken_for_same}, and is: {is_same}"));
        }
        self.questions = 0;
        if !taken_for_same {
            master.begins(self.rig.master_identity, self.rig.now());
            // It may not have read the question, and never answered.
            master.marks_read = master.fresh_marks_read;
        }
        Ok(())
    }

    /// The hub has closed the connection of a master that said `bye`.
    pub(super) fn notice_dismissal(&mut self) {
        if let Some(master) = self.on_air.filter(|_| !self.rig.is_connected(MASTER)) {
            self.masters[master].loses_what_it_wrote();
            self.on_air = None;
        }
    }
}
