//! The decisions about the lease.

use std::time::Duration;

use weft_protocol::control::Lease;
use weft_protocol::state::LeaseRecord;

use super::Held;
use crate::clock::Moment;

/// The longest time that the lease of another is waited for, whatever its record says.
const DURATION_MAX: Duration = Duration::from_secs(300);
/// The pause before the record is read again after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// What a manager takes and gives back.
///
/// | state | goes to | when |
/// |---|---|---|
/// | unknown | following, or taking | the record was read |
/// | following | taking | there is no record, or it was not renewed for as long as it holds by our clock, or it was given back, or it is our own from before a restart |
/// | taking | holding | the write succeeded; unknown when it did not |
/// | holding | unknown | a renewal failed |
/// | holding | following | the record is another manager's, or our own renewals did not come through in time |
/// | any | released | [`Input::Release`]; if it was held, the record says so |
///
/// The holder counts its time from the moment at which it *sent* the last successful renewal, and others from the moment
/// at which they *saw* it, which is later. So it stops before anybody else begins.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: Settings,
    /// The record as it is, if that is known.
    known: Option<Known>,
    hold: Option<Hold>,
    /// What is under way.
    busy: Option<Busy>,
    /// The last record that was sent, and when; it may have been written although that was not acknowledged.
    attempt: Option<(LeaseRecord, Moment)>,
    /// Before this moment nothing is tried.
    pause_until: Moment,
    /// Whether a record with our own id is from before a restart.
    may_reclaim: bool,
    is_released: bool,
    /// How many epochs were made.
    epochs: u64,
}

/// Settings of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The id of the manager.
    pub(crate) id: String,
    /// How long the lease holds.
    pub(crate) duration: Duration,
    /// How often it is renewed.
    pub(crate) renewal: Duration,
    /// Random text that epochs are made of.
    pub(crate) seed: String,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// Time passed.
    Tick,
    /// The watch told of the record; it may be late.
    Seen {
        /// The record; `None` when it was removed.
        record: Option<LeaseRecord>,
        /// The revision.
        revision: u64,
    },
    /// The record was read. `None` when it could not be.
    Read(Option<(Option<LeaseRecord>, u64)>),
    /// The record was written, as this revision.
    Written(Result<u64, Failure>),
    /// The manager stops.
    Release,
}

/// Why the record was not written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// Somebody else wrote it.
    Conflict,
    /// It is not known; it may have been written.
    Unknown,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// Read the record, and answer with [`Input::Read`].
    Read,
    /// Write the record if its revision is `expected`, or if there is none; answer with [`Input::Written`].
    Write {
        /// The record.
        record: LeaseRecord,
        /// The revision that it still has to have; `None` when there must be none.
        expected: Option<u64>,
    },
}

#[derive(Debug)]
struct Known {
    record: Option<LeaseRecord>,
    revision: u64,
    /// Since when it has been so.
    since: Moment,
}

#[derive(Debug)]
struct Hold {
    lease: Lease,
    renew_at: Moment,
    until: Moment,
}

#[derive(Debug, Eq, PartialEq)]
enum Busy {
    Reading,
    Writing,
}

// ===== impl Machine =====

impl Machine {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            known: None,
            hold: None,
            busy: None,
            attempt: None,
            pause_until: Moment::ZERO,
            may_reclaim: true,
            is_released: false,
            epochs: 0,
        }
    }

    /// Takes in what happened, and says what to do. At most one effect is under way at a time.
    pub(crate) fn step(&mut self, now: Moment, input: Input) -> Option<Effect> {
        match input {
            Input::Tick => {}
            Input::Seen { record, revision } => self.see(now, record, revision),
            Input::Read(read) => {
                self.busy = None;
                match read {
                    Some((record, revision)) => self.learn(now, record, revision),
                    None => self.pause_until = now + PAUSE,
                }
            }
            Input::Written(result) => self.take_written(now, result),
            Input::Release => self.is_released = true,
        }
        self.decide(now)
    }

    /// The lease, if it is held.
    pub(crate) fn held(&self, now: Moment) -> Option<Held> {
        let hold = self.hold.as_ref().filter(|hold| now < hold.until)?;
        Some(Held {
            lease: hold.lease.clone(),
            until: hold.until,
        })
    }

    /// When there is something to do although nothing happens.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        let until = self.hold.as_ref().map(|hold| hold.until);
        if self.busy.is_some() {
            return until;
        }
        let next = match (&self.hold, &self.known) {
            (_, None) => Some(self.pause_until),
            (Some(hold), Some(_)) => Some(hold.renew_at),
            (None, Some(known)) => Some(self.expiry(known)),
        };
        let next = next.map(|next| next.max(self.pause_until));
        if self.is_released && self.hold.is_none() {
            return None;
        }
        [until, next].into_iter().flatten().min()
    }

    /// Whether nothing is left to do after a release.
    pub(crate) fn is_done(&self) -> bool {
        self.is_released && self.hold.is_none() && self.busy.is_none()
    }

    fn see(&mut self, now: Moment, record: Option<LeaseRecord>, revision: u64) {
        // The watch may lag behind what was written or read. Of a bucket that was made anew, whose revisions begin again,
        // a renewal finds out.
        let is_news = self
            .known
            .as_ref()
            .is_some_and(|known| revision > known.revision);
        if is_news && self.busy != Some(Busy::Writing) {
            self.learn(now, record, revision);
        }
    }

    /// Takes in what the record is.
    fn learn(&mut self, now: Moment, record: Option<LeaseRecord>, revision: u64) {
        let is_same = self
            .known
            .as_ref()
            .is_some_and(|known| known.revision == revision && known.record == record);
        if is_same {
            return;
        }
        let is_ours = self.attempt.as_ref().filter(|(attempt, _)| {
            // A renewal of ours that was not acknowledged, or the one before it.
            let is_lease = |record: &LeaseRecord| {
                record.epoch == attempt.epoch
                    && record.counter == attempt.counter
                    && record.manager == attempt.manager
            };
            record.as_ref().is_some_and(is_lease)
        });
        match (is_ours, &record) {
            (Some((attempt, sent_at)), Some(record)) if attempt.renewal == record.renewal => {
                let sent_at = *sent_at;
                self.hold_from(sent_at, &record.clone());
            }
            (Some(_), _) => {}
            (None, _) => self.hold = None,
        }
        self.known = Some(Known {
            record,
            revision,
            since: now,
        });
    }

    fn take_written(&mut self, now: Moment, result: Result<u64, Failure>) {
        self.busy = None;
        let Some((record, sent_at)) = self.attempt.clone() else {
            return;
        };
        match result {
            Ok(revision) => {
                self.known = Some(Known {
                    record: Some(record.clone()),
                    revision,
                    since: now,
                });
                if record.duration_ms > 0 {
                    self.hold_from(sent_at, &record);
                }
            }
            Err(failure) => {
                self.known = None;
                if failure == Failure::Conflict {
                    // Unless the record turns out to be ours, somebody else acts.
                    self.hold = None;
                } else {
                    self.pause_until = now + PAUSE;
                }
            }
        }
    }

    /// The lease is ours by a record that was sent at `sent_at`.
    fn hold_from(&mut self, sent_at: Moment, record: &LeaseRecord) {
        // Epochs that cannot stand in a header are never written by us.
        self.hold = record.lease().ok().map(|lease| Hold {
            lease,
            renew_at: sent_at + self.settings.renewal,
            until: sent_at + self.settings.duration,
        });
    }

    fn decide(&mut self, now: Moment) -> Option<Effect> {
        if self.hold.as_ref().is_some_and(|hold| now >= hold.until) {
            self.hold = None;
        }
        if self.busy.is_some() || now < self.pause_until {
            return None;
        }
        if self.is_released {
            return self.give_back(now);
        }
        let Some(known) = &self.known else {
            self.busy = Some(Busy::Reading);
            return Some(Effect::Read);
        };
        let record = match &self.hold {
            Some(hold) if now < hold.renew_at => return None,
            Some(_) => {
                let mut record = known.record.clone()?;
                record.renewal += 1;
                record
            }
            None if now < self.expiry(known) => return None,
            None => self.takeover(),
        };
        self.write(now, record)
    }

    fn give_back(&mut self, now: Moment) -> Option<Effect> {
        self.hold.take()?;
        // Where it is not known, the lease runs out by itself.
        let mut record = self.known.as_ref()?.record.clone()?;
        record.renewal += 1;
        record.duration_ms = 0;
        self.write(now, record)
    }

    /// The record that makes the lease ours.
    fn takeover(&mut self) -> LeaseRecord {
        let before = self.known.as_ref().and_then(|known| known.record.as_ref());
        let (epoch, counter) = match before {
            Some(before) if before.lease().is_ok() && before.counter < u64::MAX => {
                (before.epoch.clone(), before.counter + 1)
            }
            _ => {
                self.epochs += 1;
                (format!("{}-{}", self.settings.seed, self.epochs), 1)
            }
        };
        self.may_reclaim = false;
        LeaseRecord {
            epoch,
            counter,
            manager: self.settings.id.clone(),
            renewal: 0,
            duration_ms: u64::try_from(self.settings.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn write(&mut self, now: Moment, record: LeaseRecord) -> Option<Effect> {
        let known = self.known.as_ref()?;
        let expected = known.record.is_some().then_some(known.revision);
        self.busy = Some(Busy::Writing);
        self.attempt = Some((record.clone(), now));
        Some(Effect::Write { record, expected })
    }

    /// When what is known of the lease of another is not worth anything any more.
    fn expiry(&self, known: &Known) -> Moment {
        match &known.record {
            None => known.since,
            Some(record) if self.may_reclaim && record.manager == self.settings.id => known.since,
            Some(record) => {
                known.since + Duration::from_millis(record.duration_ms).min(DURATION_MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests;
