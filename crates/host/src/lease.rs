//! Which manager's requests count (architecture D7).
//!
//! A manager that was replaced may still have requests under way. Each carries its lease; of one epoch the highest counter
//! seen is the one that counts. An epoch that this host does not know is looked up in the bucket.

use std::sync::{Mutex, PoisonError};

use weft_lattice::Lattice;
use weft_lattice::bucket::{Bucket, BucketError, BucketOptions};
use weft_protocol::control::Lease;
use weft_protocol::state::{LeaseRecord, manager_bucket};

use crate::error::Refusal;

/// The newest lease that this host knows.
pub(crate) struct Leases {
    lattice: Lattice,
    newest: Mutex<Option<Lease>>,
}

// ===== impl Leases =====

impl Leases {
    pub(crate) fn new(lattice: Lattice) -> Self {
        Self {
            lattice,
            newest: Mutex::new(None),
        }
    }

    /// Checks the lease of a request; requests of other clients have none and pass.
    ///
    /// # Errors
    ///
    /// [`Refusal::Superseded`] when a newer lease is known, [`Refusal::State`] when an unknown epoch cannot be looked up.
    pub(crate) async fn check(&self, lease: Option<&Lease>) -> Result<(), Refusal> {
        let Some(lease) = lease else {
            return Ok(());
        };
        match self.compare(lease) {
            Verdict::Current => Ok(()),
            Verdict::Superseded => Err(superseded(lease)),
            Verdict::UnknownEpoch => {
                let record = self.read().await?;
                if record
                    .as_ref()
                    .is_none_or(|record| record.epoch() != lease.epoch())
                {
                    return Err(superseded(lease));
                }
                self.adopt(record);
                match self.compare(lease) {
                    Verdict::Current => Ok(()),
                    Verdict::Superseded | Verdict::UnknownEpoch => Err(superseded(lease)),
                }
            }
        }
    }

    fn compare(&self, lease: &Lease) -> Verdict {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(known) if known.epoch() != lease.epoch() => Verdict::UnknownEpoch,
            None => Verdict::UnknownEpoch,
            Some(known) if known.counter() > lease.counter() => Verdict::Superseded,
            Some(_) => {
                *newest = Some(lease.clone());
                Verdict::Current
            }
        }
    }

    fn adopt(&self, lease: Option<Lease>) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    async fn read(&self) -> Result<Option<Lease>, BucketError> {
        let bucket = manager_bucket(self.lattice.name());
        let bucket =
            Bucket::open_or_create(&self.lattice, &bucket, BucketOptions::default()).await?;
        let entry = bucket.get(LeaseRecord::KEY).await?;
        Ok(entry.and_then(|entry| LeaseRecord::decode(&entry.value).ok()?.lease().ok()))
    }
}

/// How a lease stands to the newest that is known.
enum Verdict {
    Current,
    Superseded,
    UnknownEpoch,
}

fn superseded(lease: &Lease) -> Refusal {
    Refusal::Superseded {
        lease: lease.to_string(),
    }
}
