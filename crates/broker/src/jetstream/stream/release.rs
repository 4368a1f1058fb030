//! Messages have served their purpose.

use super::{Effect, Stream};

/// Drops messages that nobody waits for any more, whatever the stream lets its clients delete.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) seqs: Vec<u64>,
}

impl Release {
    /// There is no outcome: nobody asked.
    pub(super) fn apply(self, stream: &mut Stream, effects: &mut Vec<Effect>) {
        if self.seqs.len() > 1 && self.seqs.len() as u64 == stream.index.len() {
            stream.forget_all(effects);
            return;
        }
        for seq in self.seqs {
            stream.forget(seq, effects);
        }
    }
}
