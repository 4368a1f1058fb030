//! One host.

use std::sync::Arc;
use std::time::Duration;

use weft_model::inventory::HostInventory;

use super::rhythm::Rhythm;
use super::{Concern, StepNumber};
use crate::clock::Moment;

/// The pauses before a host is asked again: the first one, and the longest, doubled in between.
const BEHIND: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
const PROBLEMS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// The pause after an answer that did not come.
const MISSED: Duration = Duration::from_secs(1);
/// After how many intervals without a word a host is asked, and given up, in quarters.
const QUARTERS_ASK: u32 = 5;
const QUARTERS_LOST: u32 = 10;

/// A host that is alive, as far as is known.
#[derive(Debug)]
pub(super) struct Host {
    inventory: Option<Arc<HostInventory>>,
    heard_at: Moment,
    rhythm: Rhythm,
    /// Whether what is known may be out of date.
    is_marked: bool,
    /// Since which step it is being asked.
    asked: Option<StepNumber>,
    /// When it is asked again, whatever is heard.
    check_at: Option<Moment>,
    concern: Concern,
    /// How often in a row it was asked for the same concern.
    checks: u32,
}

// ===== impl Host =====

impl Host {
    pub(super) fn new(now: Moment, expected: Duration) -> Self {
        Self {
            inventory: None,
            heard_at: now,
            rhythm: Rhythm::new(expected),
            is_marked: false,
            asked: None,
            check_at: None,
            concern: Concern::None,
            checks: 0,
        }
    }

    pub(super) fn inventory(&self) -> Option<&Arc<HostInventory>> {
        self.inventory.as_ref()
    }

    /// Whether it has said what it runs, or is not asked.
    pub(super) fn is_settled(&self) -> bool {
        self.inventory.is_some() || self.is_idle()
    }

    /// Whether it is not being asked, nor marked.
    pub(super) fn is_idle(&self) -> bool {
        self.asked.is_none() && !self.is_marked
    }

    /// It was heard of.
    pub(super) fn heard(&mut self, now: Moment) {
        self.heard_at = now;
    }

    /// It was heard of, and something changed.
    pub(super) fn touch(&mut self, now: Moment) {
        self.heard(now);
        self.mark();
    }

    /// What is known may be out of date.
    pub(super) fn mark(&mut self) {
        self.is_marked = true;
        // What was waited for may have come.
        self.checks = 0;
    }

    /// It told what it runs of its own accord.
    pub(super) fn beat(&mut self, now: Moment) {
        self.heard(now);
        self.rhythm.beat(now);
    }

    /// Returns whether the inventory says something else than before.
    pub(super) fn replace(&mut self, inventory: Arc<HostInventory>) -> bool {
        let is_news = self
            .inventory
            .as_ref()
            .is_none_or(|before| !is_alike(before, &inventory));
        self.inventory = Some(inventory);
        is_news
    }

    pub(super) fn wants_ask(&self, now: Moment) -> bool {
        let is_due = self.is_marked || self.check_at.is_some_and(|at| at <= now);
        self.asked.is_none() && (is_due || self.is_silent(now))
    }

    pub(super) fn ask(&mut self, step: StepNumber) {
        self.asked = Some(step);
        self.is_marked = false;
        self.check_at = None;
    }

    /// The answer came, whatever it is; gives the step in which it was asked.
    pub(super) fn answered(&mut self) -> Option<StepNumber> {
        self.asked.take()
    }

    /// The answer did not come.
    pub(super) fn missed(&mut self, now: Moment) {
        self.check_at = Some(now + MISSED);
    }

    pub(super) fn set_concern(&mut self, now: Moment, concern: Concern) {
        if concern != self.concern {
            self.concern = concern;
            self.checks = 0;
        }
        let (first, longest) = match concern {
            Concern::None => {
                self.check_at = None;
                return;
            }
            Concern::Problems => PROBLEMS,
            Concern::Behind => BEHIND,
        };
        let pause = first.saturating_mul(1 << self.checks.min(16)).min(longest);
        self.checks += 1;
        self.check_at = Some(now + pause);
    }

    pub(super) fn is_lost(&self, now: Moment) -> bool {
        now >= self.lost_at()
    }

    /// When something is to be done about it: asking, where that is possible, or giving it up.
    pub(super) fn deadline(&self, can_ask: bool) -> Option<Moment> {
        let ask_at = if self.asked.is_some() || !can_ask {
            None
        } else if self.is_marked {
            Some(Moment::ZERO)
        } else {
            Some(self.check_at.unwrap_or(Moment::MAX).min(self.silent_at()))
        };
        [ask_at, Some(self.lost_at())].into_iter().flatten().min()
    }

    fn is_silent(&self, now: Moment) -> bool {
        now >= self.silent_at()
    }

    fn silent_at(&self) -> Moment {
        let after = self.heard_at + self.rhythm.interval() * QUARTERS_ASK / 4;
        // While answers do not come, the pause between two questions holds.
        self.check_at.map_or(after, |check_at| after.max(check_at))
    }

    fn lost_at(&self) -> Moment {
        self.heard_at + self.rhythm.interval() * QUARTERS_LOST / 4
    }
}

/// Whether two inventories say the same of what runs.
fn is_alike(a: &HostInventory, b: &HostInventory) -> bool {
    a.labels == b.labels
        && a.components == b.components
        && a.providers == b.providers
        && a.passed == b.passed
}
