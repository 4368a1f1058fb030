//! Many messages are removed at once.

use super::{Effect, Filters, Outcome, Stream};
use crate::jetstream::ApiError;

/// Removes the messages that `filter` asks for, except the last `keep` of them, or those before `before`.
#[derive(Debug, Default)]
pub(crate) struct Purge {
    /// Empty for every subject.
    pub(crate) filter: Box<[u8]>,
    /// Zero for no bound.
    pub(crate) before: u64,
    pub(crate) keep: u64,
}

impl Purge {
    pub(super) fn apply(self, stream: &mut Stream, effects: &mut Vec<Effect>) {
        let outcome = if stream.config.sealed {
            Outcome::Refused(ApiError::STREAM_SEALED)
        } else if stream.config.deny_purge {
            Outcome::Refused(ApiError::stream_purge_failed("stream purge not permitted"))
        } else {
            Outcome::Purged {
                count: self.purge(stream, effects),
            }
        };
        effects.push(Effect::Outcome(outcome));
    }

    fn purge(&self, stream: &mut Stream, effects: &mut Vec<Effect>) -> u64 {
        let filters = Filters::one(&self.filter);
        if filters.is_all() && self.before == 0 && self.keep == 0 {
            return stream.forget_all(effects);
        }
        let mut seqs = stream.index.seqs(&filters);
        if self.before > 0 {
            seqs.truncate(seqs.partition_point(|seq| *seq < self.before));
        } else {
            let keep = usize::try_from(self.keep).unwrap_or(usize::MAX);
            seqs.truncate(seqs.len().saturating_sub(keep));
        }
        for seq in &seqs {
            stream.forget(*seq, effects);
        }
        seqs.len() as u64
    }
}
