//! A stream: which messages it takes, what numbers they get, and which it drops. A bucket is one
//! configuration of it.
//!
//! The state machine knows subjects, sizes and times, never message bodies, files or clients. It is told the
//! time and what happens, and answers with what is to be done, in order.

mod dedupe;
mod effect;
mod expire;
mod expiries;
mod filter;
mod headers;
mod index;
mod input;
mod publish;
mod purge;
mod release;
mod remove;
mod restored;
#[cfg(test)]
mod tests;
mod update;

use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::{Retention, StreamConfig};
use crate::jetstream::transform::Transform;

use dedupe::Dedupe;
pub(crate) use effect::{Effect, Expiry, Outcome, Stored};
use expiries::Expiries;
pub(crate) use filter::Filters;
pub(crate) use headers::{PublishHeaders, Rollup, parse_duration};
pub(crate) use index::{Entry, Index, Place, Remains, Scan, Subject};
pub(crate) use input::Input;
pub(crate) use publish::{Publish, Sender};
pub(crate) use purge::Purge;
pub(crate) use release::Release;
pub(crate) use remove::Remove;
pub(crate) use restored::Restored;
pub(crate) use update::Update;

/// Who is through with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Consumer,
    /// A stream that takes messages from this one.
    Source,
}

/// Who else still waits for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) by_consumer: bool,
    pub(crate) by_source: bool,
}

/// The state machine of one stream.
///
/// Sequences only grow: a number is never used twice, whatever is removed.
#[derive(Debug)]
pub(crate) struct Stream {
    config: StreamConfig,
    /// What changes the subjects of messages that arrive.
    transform: Option<Transform>,
    created: WallTime,
    /// What is stored now.
    index: Index,
    dedupe: Dedupe,
    expiries: Expiries,
    /// All stored messages before this sequence never expire.
    aging_from: u64,
}

// ---------------------------------------------------------------------------------------------------------

impl Stream {
    /// An empty stream with a checked configuration.
    pub(crate) fn new(config: StreamConfig, created: WallTime) -> Self {
        let index = Index::new(config.storage, config.retention, config.first_seq);
        Self {
            transform: transform(&config),
            config,
            created,
            index,
            dedupe: Dedupe::default(),
            expiries: Expiries::default(),
            aging_from: 0,
        }
    }

    /// Takes one input and says what to do.
    pub(crate) fn step(&mut self, now: Now, input: Input<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Publish(publish) => publish.apply(self, now, &mut effects),
            Input::Remove(remove) => remove.apply(self, &mut effects),
            Input::Release(release) => release.apply(self, &mut effects),
            Input::Purge(purge) => purge.apply(self, &mut effects),
            Input::Update(update) => update.apply(self, now, &mut effects),
            Input::Tick => self.expire(now, &mut effects),
        }
        self.skip_ageless();
        effects
    }

    /// Puts back the messages that were stored before the last start, in order of sequence, into a stream that has none.
    /// `subjects` are those that their numbers mean, each once.
    pub(crate) fn restore<'a>(
        &mut self,
        now: Now,
        subjects: &[Subject],
        messages: impl Iterator<Item = Restored<'a>>,
    ) {
        let window = self.config.duplicate_window;
        let Self {
            index,
            dedupe,
            expiries,
            ..
        } = self;
        let noted = messages.inspect(|message| {
            expiries.note(message.seq, message.expiry);
            dedupe.restored(*message, now.wall, window);
        });
        index.restore(subjects, noted);
    }

    /// Ends the restoration: sequences up to `last_seq` were used, and everything below `floor` is gone.
    pub(crate) fn restored(&mut self, floor: u64, last_seq: u64, last_time: WallTime) {
        self.index.raise(floor, last_seq, last_time);
        self.skip_ageless();
    }

    pub(crate) fn config(&self) -> &StreamConfig {
        &self.config
    }

    pub(crate) fn created(&self) -> WallTime {
        self.created
    }

    /// The subject under which a message with this one is stored, where it is another.
    pub(crate) fn mapped(&self, subject: &[u8]) -> Option<Vec<u8>> {
        self.transform.as_ref()?.apply(subject)
    }

    /// Whether a message has served its purpose once `done` is through with it.
    pub(crate) fn is_served(&self, done: Done, needed: Needed) -> bool {
        match self.config.retention {
            Retention::Limits => false,
            // A message of a queue belongs to one consumer alone, but others may take copies.
            Retention::WorkQueue => {
                !needed.by_source && (done == Done::Consumer || !needed.by_consumer)
            }
            Retention::Interest => !needed.by_consumer && !needed.by_source,
        }
    }

    /// Notes where the body of a message is.
    pub(crate) fn set_place(&mut self, seq: u64, place: Place) {
        self.index.set_place(seq, place);
    }

    /// What is stored now.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Removes one message that exists, and says so.
    fn forget(&mut self, seq: u64, effects: &mut Vec<Effect>) -> bool {
        let Some(remains) = self.index.remove(seq) else {
            return false;
        };
        self.expiries.remove(seq);
        effects.push(Effect::Forget { seq, remains });
        true
    }

    /// Removes everything, and says so. Returns how many messages that were.
    fn forget_all(&mut self, effects: &mut Vec<Effect>) -> u64 {
        let count = self.index.clear();
        self.expiries = Expiries::default();
        effects.push(Effect::ForgetAll {
            below: self.index.last_seq() + 1,
        });
        count
    }
}

/// The rule of a checked configuration.
fn transform(config: &StreamConfig) -> Option<Transform> {
    let rule = config.subject_transform.as_ref()?;
    Transform::parse(&rule.source, &rule.destination).ok()?
}
