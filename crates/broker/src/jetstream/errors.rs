//! What the API answers when it refuses, with the numbers that clients know.

use std::borrow::Cow;

use serde::Serialize;

/// A stream took no message, for a reason that may pass.
const STORE_FAILED: u16 = 10077;

/// A refusal: `code` is like an HTTP status, `err_code` tells exactly what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{description} ({err_code})")]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) err_code: u16,
    pub(crate) description: Cow<'static, str>,
}

/// Makes one constant per error, so that codes and texts stand in one place.
macro_rules! errors {
    ($($name:ident = $code:literal, $err_code:literal, $description:literal;)*) => {
        impl ApiError {
            $(pub(crate) const $name: Self = Self {
                code: $code,
                err_code: $err_code,
                description: Cow::Borrowed($description),
            };)*
        }
    };
}

/// Makes one function per error whose text is told by the caller.
macro_rules! worded_errors {
    ($($name:ident = $code:literal, $err_code:expr;)*) => {
        impl ApiError {
            $(pub(crate) fn $name(description: impl Into<Cow<'static, str>>) -> Self {
                Self { code: $code, err_code: $err_code, description: description.into() }
            })*
        }
    };
}

errors! {
    BAD_REQUEST = 400, 10003, "bad request";
    NOT_EMPTY_REQUEST = 400, 10038, "expected an empty request payload";
    INVALID_JSON = 400, 10025, "invalid JSON";
    RESOURCES_EXCEEDED = 400, 10002, "resource limits exceeded for account";
    INSUFFICIENT_RESOURCES = 503, 10023, "insufficient resources";
    STREAM_NOT_FOUND = 404, 10059, "stream not found";
    STREAM_MISMATCH = 400, 10056, "stream name in subject does not match request";
    STREAM_NAME_EXISTS = 400, 10058, "stream name already in use with a different configuration";
    STREAM_NAME_PATH = 400, 10128, "Stream name can not contain path separators";
    STREAM_SEALED = 400, 10109, "invalid operation on sealed stream";
    STREAM_SUBJECT_OVERLAP = 400, 10065, "subjects overlap with an existing stream";
    STREAM_NOT_MATCH = 400, 10060, "expected stream does not match";
    STREAM_MESSAGE_TOO_LARGE = 400, 10054, "message size exceeds maximum allowed";
    STREAM_HEADER_TOO_LARGE = 400, 10097, "header size exceeds maximum allowed of 64k";
    SOURCE_MESSAGES_TOO_LARGE = 400, 10046, "stream source must have max message size >= target";
    SOURCE_TWICE = 400, 10140, "duplicate source configuration detected";
    SOURCE_BAD_NAME = 400, 10141, "sourced stream name is invalid";
    SOURCE_FILTER_TWICE = 400, 10144, "source with multiple subject transforms cannot also have a single subject filter";
    SOURCE_FILTERS_OVERLAP = 400, 10147, "source filters can not overlap";
    STREAMS_MAX = 400, 10027, "maximum number of streams reached";
    REPLICAS_NEGATIVE = 400, 10133, "replicas count cannot be negative";
    NO_MESSAGE_FOUND = 404, 10037, "no message found";
    MESSAGE_TTL_INVALID = 400, 10165, "invalid per-message TTL";
    MESSAGE_TTL_DISABLED = 400, 10166, "per-message TTL is disabled";
    MESSAGE_COUNTERS_DISABLED = 400, 10168, "message counters is disabled";
    ATOMIC_PUBLISH_DISABLED = 400, 10174, "atomic publish is disabled";
    MESSAGE_SCHEDULES_DISABLED = 400, 10188, "message schedules is disabled";
    CONSUMER_NOT_FOUND = 404, 10014, "consumer not found";
    CONSUMER_ALREADY_EXISTS = 400, 10148, "consumer already exists";
    CONSUMER_DOES_NOT_EXIST = 400, 10149, "consumer does not exist";
    CONSUMER_NAME_IN_USE = 400, 10013, "consumer name already in use";
    CONSUMERS_MAX = 400, 10026, "maximum consumers limit reached";
    CONSUMER_BAD_NAME = 400, 10103, "durable name can not contain '.', '*', '>'";
    CONSUMER_NAME_PATH = 400, 10127, "Consumer name can not contain path separators";
    CONSUMER_DURABLE_NOT_IN_SUBJECT = 400, 10016, "consumer expected to be durable but no durable name set in subject";
    CONSUMER_DURABLE_NOT_SET = 400, 10018, "consumer expected to be durable but a durable name was not set";
    CONSUMER_DURABLE_MISMATCH = 400, 10017, "consumer name in subject does not match durable name in request";
    CONSUMER_EPHEMERAL_WITH_DURABLE = 400, 10020, "consumer expected to be ephemeral but a durable name was set in request";
    CONSUMER_DURABLE_AND_NAME = 400, 10132, "Consumer Durable and Name have to be equal if both are provided";
    CONSUMER_FILTERS_IN_SUBJECT = 400, 10137, "consumer with multiple subject filters cannot use subject based API";
    CONSUMER_FILTER_MISMATCH = 400, 10131, "Consumer create request did not match filtered subject from create subject";
    CONSUMER_FILTER_TWICE = 400, 10136, "consumer cannot have both FilterSubject and FilterSubjects specified";
    CONSUMER_FILTERS_OVERLAP = 400, 10138, "consumer subject filters cannot overlap";
    CONSUMER_FILTER_EMPTY = 400, 10139, "consumer filter in FilterSubjects cannot be empty";
    CONSUMER_DELIVER_WILDCARDS = 400, 10079, "consumer deliver subject has wildcards";
    CONSUMER_DELIVER_INVALID = 400, 10112, "invalid push consumer deliver subject";
    CONSUMER_DELIVER_CYCLE = 400, 10081, "consumer deliver subject forms a cycle";
    CONSUMER_PUSH_MAX_WAITING = 400, 10080, "consumer in push mode can not set max waiting";
    CONSUMER_MAX_PENDING_NEEDS_ACK = 400, 10082, "consumer requires ack policy for max ack pending";
    CONSUMER_SMALL_HEARTBEAT = 400, 10083, "consumer idle heartbeat needs to be >= 100ms";
    CONSUMER_PULL_QUEUE_NEEDS_ACK = 400, 10084, "consumer in pull mode requires explicit ack policy on workqueue stream";
    CONSUMER_QUEUE_NEEDS_ACK = 400, 10098, "workqueue stream requires explicit ack";
    CONSUMER_QUEUE_NEEDS_FILTERS = 400, 10099, "multiple non-filtered consumers not allowed on workqueue stream";
    CONSUMER_QUEUE_NOT_UNIQUE = 400, 10100, "filtered consumer not unique on workqueue stream";
    CONSUMER_QUEUE_DELIVERS_ALL = 400, 10101, "consumer must be deliver all on workqueue stream";
    CONSUMER_PULL_RATE_LIMIT = 400, 10086, "consumer in pull mode can not have rate limit set";
    CONSUMER_MAX_WAITING_NEGATIVE = 400, 10087, "consumer max waiting needs to be positive";
    CONSUMER_HEARTBEAT_NEEDS_PUSH = 400, 10088, "consumer idle heartbeat requires a push based consumer";
    CONSUMER_FLOW_CONTROL_NEEDS_PUSH = 400, 10089, "consumer flow control requires a push based consumer";
    CONSUMER_FLOW_CONTROL_NEEDS_HEARTBEAT = 400, 10108, "consumer with flow control also needs heartbeats";
    CONSUMER_MAX_BATCH_NEGATIVE = 400, 10114, "consumer max request batch needs to be > 0";
    CONSUMER_MAX_EXPIRES_SMALL = 400, 10115, "consumer max request expires needs to be >= 1ms";
    CONSUMER_ACK_WAIT_NEGATIVE = 400, 10183, "consumer ack wait needs to be positive";
    CONSUMER_BACKOFF_NEGATIVE = 400, 10184, "consumer backoff needs to be positive";
    CONSUMER_BACKOFF_MAX_DELIVER = 400, 10116, "max deliver is required to be > length of backoff values";
}

worded_errors! {
    source_invalid_filter = 400, 10145;
    source_invalid_destination = 400, 10146;
    stream_transform_invalid_source = 400, 10155;
    stream_transform_invalid_destination = 400, 10156;
    stream_invalid_config = 500, 10052;
    stream_replicas = 500, 10074;
    stream_store_failed = 503, STORE_FAILED;
    stream_rollup_failed = 500, 10111;
    stream_purge_failed = 500, 10110;
    stream_message_delete_failed = 500, 10057;
    consumer_create_failed = 500, 10012;
    consumer_invalid_policy = 400, 10094;
    consumer_invalid_sampling = 400, 10095;
}

impl ApiError {
    pub(crate) fn wrong_last_sequence(last: u64) -> Self {
        Self::text(400, 10071, format!("wrong last sequence: {last}"))
    }

    pub(crate) fn wrong_last_msg_id(last: &str) -> Self {
        Self::text(400, 10070, format!("wrong last msg ID: {last}"))
    }

    pub(crate) fn sequence_not_found(seq: u64) -> Self {
        Self::text(400, 10043, format!("sequence {seq} not found"))
    }

    pub(crate) fn consumer_name_too_long(max: usize) -> Self {
        Self::text(
            400,
            10102,
            format!("consumer name is too long, maximum allowed is {max}"),
        )
    }

    pub(crate) fn consumer_description_too_long(max: usize) -> Self {
        Self::text(
            400,
            10107,
            format!("consumer description is too long, maximum allowed is {max}"),
        )
    }

    pub(crate) fn consumer_metadata_too_long(max_kilobytes: usize) -> Self {
        Self::text(
            400,
            10135,
            format!("consumer metadata exceeds maximum size of {max_kilobytes}KB"),
        )
    }

    pub(crate) fn consumer_max_ack_pending_exceeded(limit: i64) -> Self {
        Self::text(
            400,
            10121,
            format!("consumer max ack pending exceeds system limit of {limit}"),
        )
    }

    pub(crate) fn consumer_inactive_threshold_exceeded(limit: &str) -> Self {
        Self::text(
            400,
            10153,
            format!("consumer inactive threshold exceeds system limit of {limit}"),
        )
    }

    /// Whether the same request may succeed later: there is no room now, or nothing can be stored.
    pub(crate) fn is_temporary(&self) -> bool {
        let temporary = [
            Self::RESOURCES_EXCEEDED.err_code,
            Self::INSUFFICIENT_RESOURCES.err_code,
            STORE_FAILED,
        ];
        temporary.contains(&self.err_code)
    }

    fn text(code: u16, err_code: u16, description: String) -> Self {
        Self {
            code,
            err_code,
            description: Cow::Owned(description),
        }
    }
}
