//! Checksums of the log.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::record::StreamId;

/// What all checksums of one store begin with: a number of its own, so that no message can be made to look like a part
/// of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal(pub(super) u64);

impl Seal {
    pub(super) fn long(self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.0)
    }

    pub(super) fn short(self, bytes: &[u8]) -> [u8; 4] {
        cut(self.long(bytes))
    }

    /// The checksum of headers and body of a message, which holds for no other message.
    pub(super) fn body(self, stream: StreamId, seq: u64, body: &[u8]) -> [u8; 4] {
        let seed = self.0 ^ seq.rotate_left(32) ^ u64::from(stream);
        cut(xxh3_64_with_seed(body, seed))
    }
}

fn cut(sum: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = sum.to_le_bytes();
    [a, b, c, d]
}
