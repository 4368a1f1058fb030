//! The record of which manager acts for a lattice (architecture D7).

use serde::{Deserialize, Serialize};

use crate::control::{Lease, ParseLeaseError};
use crate::json::{self, DecodeError};
use crate::wire::bucket;

/// The value of `lease` in the bucket of managers. Changed by compare-and-set alone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Random text made with the bucket: counters of different epochs cannot be compared.
    pub epoch: String,
    /// Raised at each takeover.
    pub counter: u64,
    /// The id of the manager that holds the lease; it may reclaim it at once.
    pub manager: String,
    /// Raised by the holder at each renewal, so that others see that it lives.
    pub renewal: u64,
    /// How long after a renewal the lease holds, in milliseconds, by the clock of whoever watches; zero once the holder
    /// has given it back.
    pub duration_ms: u64,
}

// ===== impl LeaseRecord =====

impl LeaseRecord {
    /// The key of the record.
    pub const KEY: &str = bucket::LEASE;

    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        json::decode(bytes)
    }

    /// Writes the record.
    pub fn encode(&self) -> Vec<u8> {
        json::encode(self)
    }

    /// The lease that the holder's requests carry.
    ///
    /// # Errors
    ///
    /// [`ParseLeaseError`] when the epoch cannot stand in a header.
    pub fn lease(&self) -> Result<Lease, ParseLeaseError> {
        Lease::new(&self.epoch, self.counter)
    }
}
