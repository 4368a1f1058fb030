//! Changing an entry against the competition of others.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use tracing::debug;
use ulid::Ulid;
use weft_runtime::field;

use super::entry::{Operation, Update, Updated};
use super::{Bucket, BucketError, Entry, RetryError};

/// How often a change is tried. Of writers that collide, one always succeeds.
const ATTEMPTS_MAX: u32 = 24;
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(100);

impl Bucket {
    /// Reads `key`, lets `change` say what to make of it, and writes that unless somebody else wrote meanwhile; then it
    /// begins anew, so `change` may be called several times. Tried up to 24 times, with short pauses.
    ///
    /// # Errors
    ///
    /// [`RetryError`]; after [`BucketError::Request`] the write may or may not have happened.
    pub async fn retry_update<E: Error + 'static>(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Entry>) -> Result<Update, E>,
    ) -> Result<Updated, RetryError<E>> {
        for attempt in 1..=ATTEMPTS_MAX {
            let record = self.read(key).await?;
            let expected = record.as_ref().map_or(0, |record| record.revision);
            let entry = match record {
                Some(record) => self.checked_entry(key, record)?,
                None => None,
            };
            let written = match change(entry.as_ref()).map_err(RetryError::Update)? {
                Update::Keep => {
                    return Ok(Updated::Kept {
                        revision: entry.map(|entry| entry.revision),
                    });
                }
                Update::Delete if entry.is_none() => return Ok(Updated::Kept { revision: None }),
                Update::Put(value) => self.write(key, Operation::Put, value, Some(expected)).await,
                Update::Delete => {
                    self.write(key, Operation::Delete, Bytes::new(), Some(expected))
                        .await
                }
            };
            match written {
                Ok(revision) => return Ok(Updated::Written { revision }),
                Err(BucketError::Conflict { .. }) => {
                    debug!(
                        { field::BUCKET } = self.name(),
                        { field::KEY } = key,
                        { field::ATTEMPT } = attempt,
                        "Entry was changed by somebody else"
                    );
                    tokio::time::sleep(pause(attempt, Ulid::generate().random())).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RetryError::Contended {
            bucket: self.name().to_owned(),
            key: key.to_owned(),
            attempts: ATTEMPTS_MAX,
        })
    }
}

/// The pause after attempt number `attempt`: somewhere, chosen by `random`, in a span that doubles from 1 ms on.
fn pause(attempt: u32, random: u128) -> Duration {
    let span = Duration::from_millis(1 << attempt.min(16)).min(PAUSE_MAX);
    let micros = span.as_micros();
    Duration::from_micros(u64::try_from(random % (micros + 1)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bound() {
        assert_eq!(pause(1, 0), Duration::ZERO);
        for attempt in [1, 5, u32::MAX] {
            assert!(pause(attempt, u128::MAX) <= PAUSE_MAX);
        }
    }
}
