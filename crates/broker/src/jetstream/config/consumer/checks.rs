//! Which configurations of a consumer make sense.

use super::super::stream::metadata_len;
use super::super::{Retention, StreamConfig, unsupported};
use super::{AckPolicy, ConsumerConfig, DeliverPolicy, ReplayPolicy};
use crate::jetstream::ApiError;
use crate::jetstream::clock::{Nanos, WallTime, render_duration};
use crate::jetstream::names::{DESCRIPTION_LEN_MAX, METADATA_LEN_MAX, NAME_LEN_MAX, SUBJECTS_MAX};
use crate::subject;

const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

/// Time to acknowledge a message, unless told otherwise.
const ACK_WAIT_DEFAULT: Nanos = 30 * SECOND;
/// Pull requests that may wait, unless told otherwise.
const MAX_WAITING_DEFAULT: i64 = 512;
/// Messages that may await acknowledgement, unless told otherwise.
const MAX_ACK_PENDING_DEFAULT: i64 = 1000;
/// Time without interest after which a consumer without a durable name goes.
const INACTIVE_THRESHOLD_DEFAULT: Nanos = 5 * SECOND;
const HEARTBEAT_MIN: Nanos = 100 * MILLISECOND;

impl ConsumerConfig {
    /// Fills in defaults and checks that the configuration makes sense for a consumer of `stream`.
    pub(crate) fn checked(mut self, stream: &StreamConfig) -> Result<Self, ApiError> {
        self.fill(stream);
        self.check_offered()?;
        self.check_texts()?;
        if self.is_push() {
            self.check_push(stream)?;
        } else {
            self.check_pull(stream)?;
        }
        self.check_bounds(stream)?;
        self.check_filters()?;
        self.check_start()?;
        Ok(self)
    }

    fn fill(&mut self, stream: &StreamConfig) {
        let needs_ack = self.ack_policy != AckPolicy::None;
        if !self.is_push() && self.max_waiting == 0 {
            self.max_waiting = MAX_WAITING_DEFAULT;
        }
        if self.ack_wait == 0 && needs_ack {
            self.ack_wait = ACK_WAIT_DEFAULT;
        }
        if self.max_deliver == 0 {
            self.max_deliver = -1;
        }
        if let Some(first) = self.backoff.first() {
            self.ack_wait = *first;
        }
        if self.max_ack_pending == 0 {
            self.max_ack_pending = stream.consumer_limits.max_ack_pending;
        }
        if self.max_ack_pending == 0 && needs_ack {
            self.max_ack_pending = MAX_ACK_PENDING_DEFAULT;
        }
        if self.inactive_threshold == 0 {
            self.inactive_threshold = stream.consumer_limits.inactive_threshold;
        }
        if !self.is_durable() && self.inactive_threshold <= 0 {
            self.inactive_threshold = INACTIVE_THRESHOLD_DEFAULT;
        }
    }

    /// Refuses what only nats-server does.
    fn check_offered(&self) -> Result<(), ApiError> {
        let refuse = |what: &str| Err(ApiError::consumer_create_failed(unsupported(what)));
        if self.num_replicas < 0 {
            return Err(ApiError::REPLICAS_NEGATIVE);
        }
        if self.num_replicas > 1 {
            return Err(ApiError::stream_replicas(unsupported(
                "more than one replica",
            )));
        }
        if self.replay_policy != ReplayPolicy::Instant {
            return refuse("replay at the original speed");
        }
        if self.rate_limit_bps > 0 {
            if !self.is_push() {
                return Err(ApiError::CONSUMER_PULL_RATE_LIMIT);
            }
            return refuse("a rate limit");
        }
        let frequency = self.sample_freq.trim_end_matches('%');
        match frequency.parse::<u32>() {
            _ if frequency.is_empty() => Ok(()),
            Ok(0) => Ok(()),
            Ok(_) => refuse("sampling of acknowledgements"),
            Err(error) => Err(ApiError::consumer_invalid_sampling(format!(
                "failed to parse consumer sampling configuration: {error}"
            ))),
        }
    }

    fn check_texts(&self) -> Result<(), ApiError> {
        if self.description.len() > DESCRIPTION_LEN_MAX {
            return Err(ApiError::consumer_description_too_long(DESCRIPTION_LEN_MAX));
        }
        if metadata_len(&self.metadata) > METADATA_LEN_MAX {
            return Err(ApiError::consumer_metadata_too_long(
                METADATA_LEN_MAX / 1024,
            ));
        }
        for name in [&self.durable, &self.name] {
            if name.len() > NAME_LEN_MAX {
                return Err(ApiError::consumer_name_too_long(NAME_LEN_MAX));
            }
            if !name.is_empty() && !subject::is_valid_name(name) {
                return Err(ApiError::CONSUMER_BAD_NAME);
            }
        }
        if self.is_durable() && !self.name.is_empty() && self.name != self.durable {
            return Err(ApiError::CONSUMER_DURABLE_AND_NAME);
        }
        Ok(())
    }

    fn check_push(&self, stream: &StreamConfig) -> Result<(), ApiError> {
        let deliver = self.deliver_subject.as_bytes();
        if subject::has_wildcard(deliver) {
            return Err(ApiError::CONSUMER_DELIVER_WILDCARDS);
        }
        if !subject::is_valid_filter(deliver) {
            return Err(ApiError::CONSUMER_DELIVER_INVALID);
        }
        if stream
            .subjects
            .iter()
            .any(|filter| subject::matches(deliver, filter.as_bytes()))
        {
            return Err(ApiError::CONSUMER_DELIVER_CYCLE);
        }
        if self.max_waiting != 0 {
            return Err(ApiError::CONSUMER_PUSH_MAX_WAITING);
        }
        if self.max_ack_pending > 0 && self.ack_policy == AckPolicy::None {
            return Err(ApiError::CONSUMER_MAX_PENDING_NEEDS_ACK);
        }
        if self.idle_heartbeat > 0 && self.idle_heartbeat < HEARTBEAT_MIN {
            return Err(ApiError::CONSUMER_SMALL_HEARTBEAT);
        }
        if self.flow_control && self.idle_heartbeat <= 0 {
            return Err(ApiError::CONSUMER_FLOW_CONTROL_NEEDS_HEARTBEAT);
        }
        Ok(())
    }

    fn check_pull(&self, stream: &StreamConfig) -> Result<(), ApiError> {
        if self.ack_policy == AckPolicy::None && stream.retention == Retention::WorkQueue {
            return Err(ApiError::CONSUMER_PULL_QUEUE_NEEDS_ACK);
        }
        if self.max_waiting < 0 {
            return Err(ApiError::CONSUMER_MAX_WAITING_NEGATIVE);
        }
        if self.idle_heartbeat > 0 {
            return Err(ApiError::CONSUMER_HEARTBEAT_NEEDS_PUSH);
        }
        if self.flow_control {
            return Err(ApiError::CONSUMER_FLOW_CONTROL_NEEDS_PUSH);
        }
        if self.max_batch < 0 {
            return Err(ApiError::CONSUMER_MAX_BATCH_NEGATIVE);
        }
        if self.max_expires != 0 && self.max_expires < MILLISECOND {
            return Err(ApiError::CONSUMER_MAX_EXPIRES_SMALL);
        }
        Ok(())
    }

    fn check_bounds(&self, stream: &StreamConfig) -> Result<(), ApiError> {
        let limits = stream.consumer_limits;
        if limits.max_ack_pending > 0 && self.max_ack_pending > limits.max_ack_pending {
            return Err(ApiError::consumer_max_ack_pending_exceeded(
                limits.max_ack_pending,
            ));
        }
        if limits.inactive_threshold > 0 && self.inactive_threshold > limits.inactive_threshold {
            let limit = render_duration(limits.inactive_threshold);
            return Err(ApiError::consumer_inactive_threshold_exceeded(&limit));
        }
        if self.backoff.iter().any(|wait| *wait < 0) {
            return Err(ApiError::CONSUMER_BACKOFF_NEGATIVE);
        }
        if self.ack_wait < 0 {
            return Err(ApiError::CONSUMER_ACK_WAIT_NEGATIVE);
        }
        let steps = i64::try_from(self.backoff.len()).unwrap_or(i64::MAX);
        if steps > 0 && self.max_deliver != -1 && steps > self.max_deliver {
            return Err(ApiError::CONSUMER_BACKOFF_MAX_DELIVER);
        }
        Ok(())
    }

    fn check_filters(&self) -> Result<(), ApiError> {
        if !self.filter_subject.is_empty() && !self.filter_subjects.is_empty() {
            return Err(ApiError::CONSUMER_FILTER_TWICE);
        }
        if self.filter_subjects.len() > SUBJECTS_MAX {
            return Err(ApiError::consumer_create_failed(unsupported(&format!(
                "more than {SUBJECTS_MAX} filters"
            ))));
        }
        if self.filter_subjects.iter().any(String::is_empty) {
            return Err(ApiError::CONSUMER_FILTER_EMPTY);
        }
        let filters: Vec<&[u8]> = self.filters().map(|filter| filter.as_bytes()).collect();
        if !filters
            .iter()
            .all(|filter| subject::is_valid_filter(filter))
        {
            return Err(ApiError::stream_invalid_config("invalid subject"));
        }
        for (at, left) in filters.iter().enumerate() {
            if filters[at + 1..]
                .iter()
                .any(|right| subject::collide(left, right))
            {
                return Err(ApiError::CONSUMER_FILTERS_OVERLAP);
            }
        }
        Ok(())
    }

    /// Checks that the start position is told exactly where the policy needs it.
    fn check_start(&self) -> Result<(), ApiError> {
        let also = |policy: &str, what: &str| {
            Err(ApiError::consumer_invalid_policy(format!(
                "consumer delivery policy is deliver {policy}, but optional start {what} is also set"
            )))
        };
        let missing = |policy: &str, what: &str| {
            Err(ApiError::consumer_invalid_policy(format!(
                "consumer delivery policy is deliver {policy}, but optional {what} is not set"
            )))
        };
        let (name, takes_seq, takes_time) = match self.deliver_policy {
            DeliverPolicy::All => ("all", false, false),
            DeliverPolicy::Last => ("last", false, false),
            DeliverPolicy::New => ("new", false, false),
            DeliverPolicy::LastPerSubject => ("last per subject", false, false),
            DeliverPolicy::ByStartSequence => ("by start sequence", true, false),
            DeliverPolicy::ByStartTime => ("by start time", false, true),
        };
        match (takes_seq, self.opt_start_seq > 0) {
            (false, true) => return also(name, "sequence"),
            (true, false) => return missing(name, "start sequence"),
            _ => {}
        }
        match (takes_time, &self.opt_start_time) {
            (false, Some(_)) => return also(name, "time"),
            (true, None) => return missing(name, "start time"),
            (true, Some(_)) if self.start_time().is_none() => {
                return Err(ApiError::INVALID_JSON);
            }
            _ => {}
        }
        if self.deliver_policy == DeliverPolicy::LastPerSubject && self.filters().next().is_none() {
            return missing(name, "filter subject");
        }
        Ok(())
    }

    /// The moment to start at, however it is written.
    fn start_time(&self) -> Option<WallTime> {
        self.opt_start_time.as_deref().and_then(WallTime::parse)
    }

    /// Checks that this configuration may replace `old`; `is_bound` tells whether someone listens on the old
    /// deliver subject.
    pub(crate) fn checked_update(&self, old: &Self, is_bound: bool) -> Result<(), ApiError> {
        let fixed = [
            (
                self.deliver_policy == old.deliver_policy,
                "deliver policy can not be updated",
            ),
            (
                self.opt_start_seq == old.opt_start_seq,
                "start sequence can not be updated",
            ),
            (
                self.start_time() == old.start_time(),
                "start time can not be updated",
            ),
            (
                self.ack_policy == old.ack_policy,
                "ack policy can not be updated",
            ),
            (
                self.replay_policy == old.replay_policy,
                "replay policy can not be updated",
            ),
            (
                self.idle_heartbeat == old.idle_heartbeat,
                "heart beats can not be updated",
            ),
            (
                self.flow_control == old.flow_control,
                "flow control can not be updated",
            ),
            (
                self.max_waiting == old.max_waiting || self.is_push() != old.is_push(),
                "max waiting can not be updated",
            ),
            (
                self.is_push() || !old.is_push(),
                "can not update push consumer to pull based",
            ),
            (
                !self.is_push() || old.is_push(),
                "can not update pull consumer to push based",
            ),
            (
                self.mem_storage == old.mem_storage,
                "storage can not be updated",
            ),
        ];
        if let Some((_, text)) = fixed.iter().find(|(is_same, _)| !is_same) {
            return Err(ApiError::consumer_create_failed(*text));
        }
        if self.deliver_subject != old.deliver_subject && is_bound {
            return Err(ApiError::CONSUMER_NAME_IN_USE);
        }
        Ok(())
    }
}
