//! Requests that were with a master when it ended may have ended it: by an error that nobody catches, by taking all
//! memory, by never coming to an end. The next master is given them one at a time, so that it shows which of them is to
//! blame.
//!
//! ```text
//!   with a master that ended ──> suspect ── its turn ──> on trial ──┬── answered, or the master lives on: the next
//!                                   ^                               │   one's turn
//!                                   │                               └── the master ends: no third one gets it
//!                                   └── the master ends later, but has lived through it
//! ```
//!
//! A suspect must not keep the others waiting for its answer: a lock may be waited for until others that are suspected
//! too have gone on. A master handles what it reads in order, so one that answers what it was given after the request
//! has lived through it. That is proof for a lock, which it only puts into its queue; for all else it is enough to go
//! on with the next. What is not suspected is given to the master meanwhile, as ever.

use super::{
    ClusterCoordinator,
    message::{Ask, NO_SUCH_LOCK, OwnRequest},
    pending::Pending,
    requesting::Whereabouts,
    trial::Trial,
    waiting::{Place, Seq},
};
use crate::hub::coordinator::Moment;

/// How long a master is given to answer a suspect other than for a lock before the next one's turn, in milliseconds: it
/// answers at once, unless it creates an index.
const PATIENCE_MS: u64 = 2_000;

impl Pending {
    /// It was with a master when that ended.
    pub(super) fn is_suspect(&self) -> bool {
        self.strikes > 0
    }
}

impl ClusterCoordinator {
    /// A suspect has been given to the master.
    pub(super) fn begin_trial(&mut self, seq: Seq, moment: &mut Moment<'_>) {
        let Some(pending) = self.requests.get(seq) else { return };
        let patience = if matches!(pending.ask, Ask::Lock(_)) { 0 } else { PATIENCE_MS };
        self.trial = Some(Trial { seq, challenge_at: Some(moment.now + patience), challenge: None });
        self.challenge_on_trial(moment);
    }

    /// Challenges the master to show that it lives, if it is time.
    pub(super) fn challenge_on_trial(&mut self, moment: &mut Moment<'_>) {
        let Some(trial) = &mut self.trial else { return };
        // One that is away is challenged when it is back.
        if trial.challenge_at.take_if(|at| *at <= moment.now).is_none() || !self.master.is_present() {
            return;
        }
        let challenge = self.master.next_number();
        trial.challenge = Some(challenge);
        self.post_release(OwnRequest::Trial(challenge), NO_SUCH_LOCK, moment);
    }

    /// The master has answered such a challenge.
    pub(super) fn master_lives_on(&mut self, challenge: u64, moment: &mut Moment<'_>) {
        let Some(trial) = self.trial.take_if(|trial| trial.challenge == Some(challenge)) else { return };
        let is_for_lock = self.requests.get(trial.seq).is_some_and(|pending| matches!(pending.ask, Ask::Lock(_)));
        if is_for_lock {
            self.requests.survived(trial.seq);
        }
        self.next_turns(moment);
    }

    /// The same master is back, and may have answered in vain.
    pub(super) fn trial_resumes(&mut self, moment: &mut Moment<'_>) {
        let seq = self.trial.as_ref().map(|trial| trial.seq);
        if let Some(seq) = seq.filter(|seq| self.is_delivered(*seq)) {
            self.begin_trial(seq, moment);
        }
    }

    /// Whose turn it is goes to the master: of those that create indexes, of the suspects, and of those in line.
    pub(super) fn next_turns(&mut self, moment: &mut Moment<'_>) {
        if !self.master.is_present() {
            return;
        }
        let is_over = |trial: &mut Trial| !self.requests.get(trial.seq).is_some_and(Pending::is_delivered);
        self.trial.take_if(is_over);
        for place in [Place::Index, Place::Trial] {
            while let Some(seq) = self.requests.waiting().first_at(&place) {
                if self.look_again(seq, moment) == Whereabouts::Same {
                    break;
                }
            }
        }
        self.line_goes_on(moment);
    }
}
