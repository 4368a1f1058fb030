//! One message is removed.

use super::{Effect, Outcome, Stream};
use crate::jetstream::ApiError;

#[derive(Debug)]
pub(crate) struct Remove {
    pub(crate) seq: u64,
}

impl Remove {
    pub(super) fn apply(self, stream: &mut Stream, effects: &mut Vec<Effect>) {
        let outcome = if stream.config.sealed {
            Outcome::Refused(ApiError::STREAM_SEALED)
        } else if stream.config.deny_delete {
            Outcome::Refused(ApiError::stream_message_delete_failed(
                "message delete not permitted",
            ))
        } else {
            Outcome::Removed {
                existed: stream.forget(self.seq, effects),
            }
        };
        effects.push(Effect::Outcome(outcome));
    }
}
