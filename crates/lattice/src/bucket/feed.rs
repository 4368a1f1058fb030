//! One consumer of a bucket, from its making to its loss.

use std::time::Duration;

use async_nats::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::delivery::{MARKER_HEADER, Place};
use super::entry::{Operation, Record};
use super::error::BucketError;
use super::jetstream::ConsumerConfig;
use super::options::WatchOptions;
use super::{Bucket, OPERATION_HEADER};
use crate::message::Headers;

/// The shortest heartbeat that servers accept.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// After how many heartbeats without a word a consumer counts as lost.
const HEARTBEATS_MISSED_MAX: u32 = 2;
/// How long a server keeps a consumer that nobody listens to.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);
const LAST_CONSUMER_HEADER: &str = "Nats-Last-Consumer";
const LAST_STREAM_HEADER: &str = "Nats-Last-Stream";
const STALLED_HEADER: &str = "Nats-Consumer-Stalled";

/// Delivers the last write of every key of a bucket, then every write after them, in order and without gaps; or says
/// that it cannot any more.
pub(super) struct Feed {
    bucket: Bucket,
    subscriber: async_nats::Subscriber,
    consumer: String,
    /// The number of the last delivery.
    sequence: u64,
    is_listed: bool,
    heartbeat: Duration,
    /// When the consumer counts as lost unless something comes.
    deadline: Instant,
    /// When the stream was made.
    pub(super) created: String,
    /// The last write to the bucket before the consumer was made.
    pub(super) revision: u64,
    /// Whether the bucket is on one server alone.
    is_single: bool,
}

/// What a [`Feed`] delivers.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A write to a key.
    Record { key: String, record: Record },
    /// Nothing happened for a while. Every write up to the revision has been delivered.
    Idle { revision: Option<u64> },
    /// The consumer is gone or something is missing; the feed is of no use any more.
    Lost(&'static str),
}

// ===== impl Feed =====

impl Feed {
    /// Makes a consumer. When the future is dropped early, the server forgets the consumer after a while.
    pub(super) async fn open(
        bucket: &Bucket,
        options: &WatchOptions,
        is_without_values: bool,
    ) -> Result<Self, BucketError> {
        let inner = &bucket.inner;
        // Read before the consumer is made, so that the listing has at least what was there then.
        let stream = bucket.ensure().await?;
        let lattice = inner.jetstream.lattice();
        let inbox = lattice.new_inbox();
        let subscriber = lattice
            .subscribe_client(&inbox, None)
            .await
            .map_err(|source| BucketError::Request {
                bucket: inner.name.clone(),
                source,
            })?;
        let heartbeat = options.heartbeat.max(HEARTBEAT_MIN);
        let config = ConsumerConfig {
            deliver_subject: &inbox,
            filter_subject: &format!("{}>", inner.subject_prefix),
            deliver_policy: "last_per_subject",
            ack_policy: "none",
            replay_policy: "instant",
            max_deliver: 1,
            flow_control: true,
            mem_storage: true,
            num_replicas: 1,
            idle_heartbeat: nanos(heartbeat),
            inactive_threshold: nanos(INACTIVE_THRESHOLD),
            headers_only: is_without_values,
        };
        let consumer = inner
            .jetstream
            .create_consumer(&inner.stream, &config)
            .await
            .map_err(|error| bucket.jetstream_error(error))?;
        Ok(Self {
            bucket: bucket.clone(),
            subscriber,
            consumer: consumer.name,
            sequence: 0,
            is_listed: consumer.num_pending == 0,
            heartbeat,
            deadline: Instant::now() + heartbeat * (HEARTBEATS_MISSED_MAX + 1),
            created: stream.created,
            revision: stream.state.last_sequence,
            is_single: stream.config.num_replicas <= 1,
        })
    }

    /// Whether the last write of every key has been delivered.
    pub(super) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// The revision up to which a complete listing has every write, as far as that is known without what was delivered.
    /// Where the bucket is on several servers, the one with the consumer may lag behind the one that was asked.
    pub(super) fn listed_revision(&self) -> u64 {
        if self.is_single { self.revision } else { 0 }
    }

    /// The next delivery. Cancel safe: an answer to the server's flow control that is lost is asked for again.
    pub(super) async fn next(&mut self) -> Delivery {
        loop {
            let message = match timeout_at(self.deadline, self.subscriber.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return Delivery::Lost("the connection was closed"),
                Err(_) => return Delivery::Lost("no heartbeats came"),
            };
            self.deadline = Instant::now() + self.heartbeat * HEARTBEATS_MISSED_MAX;
            match message.status {
                None => return self.read(message),
                Some(StatusCode::IDLE_HEARTBEAT) => {
                    if let Some(delivery) = self.read_heartbeat(&message).await {
                        return delivery;
                    }
                }
                Some(_) => return Delivery::Lost("the server ended the consumer"),
            }
        }
    }

    /// Removes the consumer from the server, which would forget it later on its own.
    pub(super) async fn close(self) {
        let inner = &self.bucket.inner;
        let _ = inner
            .jetstream
            .delete_consumer(&inner.stream, &self.consumer)
            .await;
    }

    fn read(&mut self, message: async_nats::Message) -> Delivery {
        let Some(place) = message.reply.as_deref().and_then(Place::parse) else {
            return Delivery::Lost("a message without its place came");
        };
        if place.consumer_sequence != self.sequence + 1 {
            return Delivery::Lost("a message is missing");
        }
        self.sequence = place.consumer_sequence;
        if place.pending == 0 {
            self.is_listed = true;
        }
        let Some(key) = message
            .subject
            .strip_prefix(self.bucket.inner.subject_prefix.as_str())
        else {
            return Delivery::Lost("a message of another bucket came");
        };
        let header = |name| {
            let headers = message.headers.as_ref()?;
            headers.get(name).map(async_nats::HeaderValue::as_str)
        };
        Delivery::Record {
            key: key.to_owned(),
            record: Record {
                operation: Operation::of_headers(header(OPERATION_HEADER), header(MARKER_HEADER)),
                value: message.payload.clone(),
                revision: place.stream_sequence,
            },
        }
    }

    /// Reads a heartbeat or a request of flow control, which is answered; `None` when it tells nothing.
    async fn read_heartbeat(&mut self, message: &async_nats::Message) -> Option<Delivery> {
        let header = |name| {
            let headers = message.headers.as_ref()?;
            headers.get(name).map(async_nats::HeaderValue::as_str)
        };
        let number = |name| header(name)?.parse::<u64>().ok();
        let flow_control = message.reply.as_deref().or_else(|| header(STALLED_HEADER));
        if let Some(subject) = flow_control {
            let lattice = self.bucket.inner.jetstream.lattice();
            // When this fails the server asks again, and the deadline passes if it cannot.
            let _ = lattice
                .send(subject, None, &Headers::new(), Bytes::new())
                .await;
            return None;
        }
        if number(LAST_CONSUMER_HEADER).is_some_and(|last| last != self.sequence) {
            return Some(Delivery::Lost("a message is missing"));
        }
        // The count of what is pending may be too high where entries were removed before they were delivered; then the
        // listing ends with the server having nothing to do.
        self.is_listed = true;
        Some(Delivery::Idle {
            revision: number(LAST_STREAM_HEADER),
        })
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
