//! Consumers of a work queue: each message belongs to one of them.

use super::{AckPolicy, ConsumerConfig, DeliverPolicy};
use crate::jetstream::ApiError;
use crate::jetstream::config::{Retention, StreamConfig};
use crate::subject;

impl ConsumerConfig {
    /// Checks whether a new consumer may join those that `stream` has, where it is a work queue.
    pub(crate) fn check_joining<'a>(
        &self,
        stream: &StreamConfig,
        others: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<(), ApiError> {
        if stream.retention != Retention::WorkQueue {
            return Ok(());
        }
        if self.ack_policy != AckPolicy::Explicit {
            return Err(ApiError::CONSUMER_QUEUE_NEEDS_ACK);
        }
        if self.filters().next().is_none() && others.clone().next().is_some() {
            return Err(ApiError::CONSUMER_QUEUE_NEEDS_FILTERS);
        }
        self.check_beside(stream, others)?;
        if self.deliver_policy != DeliverPolicy::All {
            return Err(ApiError::CONSUMER_QUEUE_DELIVERS_ALL);
        }
        Ok(())
    }

    /// Checks that no other consumer of a work queue wants the same messages. The reference server forgets to
    /// where a consumer gives up its filters.
    pub(crate) fn check_beside<'a>(
        &self,
        stream: &StreamConfig,
        mut others: impl Iterator<Item = &'a Self>,
    ) -> Result<(), ApiError> {
        if stream.retention != Retention::WorkQueue {
            return Ok(());
        }
        let own = everything_or_filters(self);
        let is_shared = others.any(|other| {
            let held = everything_or_filters(other);
            own.iter()
                .any(|own| held.iter().any(|held| subject::collide(own, held)))
        });
        if is_shared {
            return Err(ApiError::CONSUMER_QUEUE_NOT_UNIQUE);
        }
        Ok(())
    }
}

/// The filters of a consumer, where none is one for everything.
fn everything_or_filters(config: &ConsumerConfig) -> Vec<&[u8]> {
    let filters: Vec<&[u8]> = config.filters().map(|filter| filter.as_bytes()).collect();
    if filters.is_empty() {
        vec![b">"]
    } else {
        filters
    }
}
