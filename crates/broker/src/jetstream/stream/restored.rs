//! What an earlier run stored.

use super::{Expiry, Place};
use crate::jetstream::clock::WallTime;

/// A message that was stored before the last start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restored<'a> {
    pub(crate) seq: u64,
    /// Its subject, as an index among those of its stream.
    pub(crate) subject: u32,
    pub(crate) time: WallTime,
    pub(crate) header_len: u32,
    pub(crate) body_len: u32,
    pub(crate) msg_id: Option<&'a [u8]>,
    pub(crate) expiry: Expiry,
    pub(crate) place: Place,
}
