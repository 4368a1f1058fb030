//! Which manager's requests count (architecture D7).
//!
//! A manager that was replaced may still have requests under way. Each carries its lease; of one epoch the highest counter
//! seen is the one that counts. An epoch that this host does not know is looked up in the bucket, which takes time, so the
//! intake leaves that to the mailboxes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time;
use weft_lattice::Lattice;
use weft_lattice::bucket::{Bucket, BucketError, BucketOptions};
use weft_protocol::control::Lease;
use weft_protocol::state::{LeaseRecord, manager_bucket};

use crate::error::Refusal;

/// How long looking up an epoch may take.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(3);

/// The newest lease that this host knows, and where to find newer ones.
pub(crate) struct Leases {
    lattice: Lattice,
    newest: Newest,
}

/// The newest lease that is known.
#[derive(Default)]
struct Newest(Mutex<Option<Lease>>);

/// How a lease stands to the newest that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// None is newer.
    Current,
    /// A newer one is known.
    Superseded,
    /// The bucket knows.
    UnknownEpoch,
}

// ===== impl Leases =====

impl Leases {
    pub(crate) fn new(lattice: Lattice) -> Self {
        Self {
            lattice,
            newest: Newest::default(),
        }
    }

    /// How `lease` stands to what is known here, without asking anybody.
    pub(crate) fn standing(&self, lease: &Lease) -> Standing {
        self.newest.compare(lease)
    }

    /// Checks a lease, and looks its epoch up where that is not known. Takes 3 s at most.
    ///
    /// # Errors
    ///
    /// [`Refusal::Superseded`] when a newer lease is known, [`Refusal::State`] when an unknown epoch cannot be looked up.
    pub(crate) async fn check(&self, lease: &Lease) -> Result<(), Refusal> {
        if self.newest.compare(lease) == Standing::UnknownEpoch {
            let record = time::timeout(LOOK_UP_TIMEOUT, self.read())
                .await
                .map_err(|_| Refusal::State {
                    reason: format!(
                        "the lease of the managers was not read within {} s",
                        LOOK_UP_TIMEOUT.as_secs()
                    ),
                })??;
            if let Some(record) = record.filter(|record| record.epoch() == lease.epoch()) {
                self.newest.adopt(record);
            }
        }
        match self.newest.compare(lease) {
            Standing::Current => Ok(()),
            Standing::Superseded | Standing::UnknownEpoch => Err(superseded(lease)),
        }
    }

    async fn read(&self) -> Result<Option<Lease>, BucketError> {
        let bucket = manager_bucket(self.lattice.name());
        // The bucket is the managers' to make.
        let bucket = match Bucket::open(&self.lattice, &bucket, BucketOptions::default()).await {
            Err(BucketError::Missing { .. }) => return Ok(None),
            bucket => bucket?,
        };
        let entry = bucket.get(LeaseRecord::KEY).await?;
        Ok(entry.and_then(|entry| LeaseRecord::decode(&entry.value).ok()?.lease().ok()))
    }
}

// ===== impl Newest =====

impl Newest {
    /// Compares, and takes `lease` for the newest where it is.
    fn compare(&self, lease: &Lease) -> Standing {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*newest {
            Some(known) if known.epoch() != lease.epoch() => Standing::UnknownEpoch,
            None => Standing::UnknownEpoch,
            Some(known) if known.counter() > lease.counter() => Standing::Superseded,
            Some(_) => {
                *newest = Some(lease.clone());
                Standing::Current
            }
        }
    }

    /// Takes what the bucket says, unless something newer has come meanwhile.
    fn adopt(&self, lease: Lease) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_older = newest.as_ref().is_some_and(|known| {
            known.epoch() == lease.epoch() && known.counter() > lease.counter()
        });
        if !is_older {
            *newest = Some(lease);
        }
    }
}

/// The refusal of a request that was sent under `lease`.
pub(crate) fn superseded(lease: &Lease) -> Refusal {
    Refusal::Superseded {
        lease: lease.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_epoch_the_highest_counter_counts() {
        let newest = Newest::default();
        let lease = |text: &str| text.parse::<Lease>().unwrap();
        assert_eq!(newest.compare(&lease("a:1")), Standing::UnknownEpoch);
        newest.adopt(lease("a:1"));
        assert_eq!(newest.compare(&lease("a:3")), Standing::Current);
        assert_eq!(newest.compare(&lease("a:2")), Standing::Superseded);
        assert_eq!(newest.compare(&lease("b:1")), Standing::UnknownEpoch);

        // What was read before the last takeover was heard of does not undo it.
        newest.adopt(lease("a:2"));
        assert_eq!(newest.compare(&lease("a:2")), Standing::Superseded);
        newest.adopt(lease("b:1"));
        assert_eq!(newest.compare(&lease("b:1")), Standing::Current);
        assert_eq!(newest.compare(&lease("a:9")), Standing::UnknownEpoch);
    }
}
