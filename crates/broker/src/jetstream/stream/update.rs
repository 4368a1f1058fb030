//! The configuration of a stream is replaced.

use super::{Effect, Outcome, Stream};
use crate::jetstream::clock::Now;
use crate::jetstream::config::StreamConfig;

/// A configuration that was checked by itself.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) config: Box<StreamConfig>,
}

impl Update {
    pub(super) fn apply(self, stream: &mut Stream, now: Now, effects: &mut Vec<Effect>) {
        let outcome = match self.config.checked_update(&stream.config) {
            Ok(config) => {
                stream.transform = super::transform(&config);
                stream.index.set_retention(config.retention);
                stream.config = config;
                let subjects: Vec<_> = stream
                    .index
                    .subject_counts(b">")
                    .map(|(subject, _)| subject.clone())
                    .collect();
                for subject in subjects {
                    stream.enforce_subject_limit(&subject, effects);
                }
                stream.enforce_limits(effects);
                stream.expire(now, effects);
                Outcome::Updated
            }
            Err(error) => Outcome::Refused(error),
        };
        effects.push(Effect::Outcome(outcome));
    }
}
