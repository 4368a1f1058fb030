//! The life of one process, and what it says of its health (spec §5.6).

use std::time::Duration;

use super::{Condition, Fact, Moment, Policy, Probe};

/// A process that runs.
#[derive(Debug)]
pub(super) struct Life {
    began: Moment,
    /// `None` while one is under way.
    next_probe: Option<Moment>,
    /// Questions in a row that were not answered.
    misses: u32,
    /// What it said last; `None` before it said anything.
    is_well: Option<bool>,
    /// It is being killed because it does not answer.
    is_condemned: bool,
}

/// What follows from an answer, or from none.
#[derive(Debug)]
pub(super) enum Verdict {
    Nothing,
    Tell(Fact),
    Hangs,
}

// ===== impl Life =====

impl Life {
    pub(super) fn new(now: Moment, policy: &Policy) -> Self {
        Self {
            began: now,
            next_probe: Some(now + policy.probe_first),
            misses: 0,
            is_well: None,
            is_condemned: false,
        }
    }

    pub(super) fn age(&self, now: Moment) -> Duration {
        now.saturating_sub(self.began)
    }

    /// When something is due: the next question, or the end of the time in which it may fail at its start.
    pub(super) fn deadline(&self, policy: &Policy, is_on_trial: bool) -> Option<Moment> {
        let settled = is_on_trial.then(|| self.began + policy.settled_after);
        match (self.next_probe, settled) {
            (Some(probe), Some(settled)) => Some(probe.min(settled)),
            (probe, settled) => probe.or(settled),
        }
    }

    /// Whether to ask now; after that nothing is due until the answer is there.
    pub(super) fn is_probe_due(&mut self, now: Moment) -> bool {
        let is_due = self.next_probe.is_some_and(|due| now >= due);
        if is_due {
            self.next_probe = None;
        }
        is_due
    }

    pub(super) fn probed(&mut self, now: Moment, probe: &Probe, policy: &Policy) -> Verdict {
        if self.is_condemned {
            return Verdict::Nothing;
        }
        let was_well = self.is_well == Some(true);
        match probe {
            Probe::Well | Probe::Unwell => {
                let is_well = *probe == Probe::Well;
                self.is_well = Some(is_well);
                self.misses = 0;
                self.next_probe = Some(now + policy.probe_period);
                // One that has not said anything counts as not well.
                Verdict::Tell(match (was_well, is_well) {
                    (false, true) => Fact::HealthPassed,
                    (true, false) => Fact::HealthFailed,
                    _ => Fact::HealthStatus,
                })
            }
            Probe::Unknown => {
                self.next_probe = Some(now + policy.probe_retry);
                Verdict::Nothing
            }
            Probe::Silent => {
                self.misses = self.misses.saturating_add(1);
                let hangs = match self.is_well {
                    Some(_) => self.misses >= policy.probe_misses_max.max(1),
                    None => self.age(now) >= policy.silence_max,
                };
                if hangs {
                    self.is_condemned = true;
                    self.next_probe = None;
                    return Verdict::Hangs;
                }
                self.next_probe = Some(now + policy.probe_retry);
                Verdict::Nothing
            }
        }
    }

    pub(super) fn condition(&self) -> Condition {
        match self.is_well {
            Some(_) if self.misses > 0 => Condition::Silent,
            Some(true) => Condition::Running,
            Some(false) => Condition::Unhealthy,
            None => Condition::Starting,
        }
    }
}
