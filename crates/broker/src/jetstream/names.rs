//! Subjects, headers and texts of the JetStream protocol.

pub(crate) const API_PREFIX: &str = "$JS.API.";
pub(crate) const API_FILTER: &str = "$JS.API.>";
pub(crate) const DIRECT_GET_PREFIX: &str = "$JS.API.DIRECT.GET.";
pub(crate) const MESSAGE_NEXT_PREFIX: &str = "$JS.API.CONSUMER.MSG.NEXT.";
pub(crate) const ACK_PREFIX: &str = "$JS.ACK.";
pub(crate) const ACK_FILTER: &str = "$JS.ACK.>";
pub(crate) const FLOW_CONTROL_PREFIX: &str = "$JS.FC.";
pub(crate) const FLOW_CONTROL_FILTER: &str = "$JS.FC.>";
pub(crate) const ADVISORY_PREFIX: &str = "$JS.EVENT.ADVISORY.";

/// Headers that a publisher sets.
pub(crate) const MSG_ID: &str = "Nats-Msg-Id";
pub(crate) const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
pub(crate) const EXPECTED_LAST_SEQ: &str = "Nats-Expected-Last-Sequence";
pub(crate) const EXPECTED_LAST_SUBJECT_SEQ: &str = "Nats-Expected-Last-Subject-Sequence";
pub(crate) const EXPECTED_LAST_MSG_ID: &str = "Nats-Expected-Last-Msg-Id";
pub(crate) const ROLLUP: &str = "Nats-Rollup";
pub(crate) const TTL: &str = "Nats-TTL";

/// A header of later servers that changes what a publish means; it is refused, not stored unheeded.
pub(crate) const UNSUPPORTED: [&str; 1] = ["Nats-Expected-Last-Subject-Sequence-Subject"];
/// Headers of later servers that streams there have to allow, and none here does.
pub(crate) const COUNTER: &str = "Nats-Incr";
pub(crate) const SCHEDULE_PREFIX: &str = "Nats-Schedule";
pub(crate) const BATCH_PREFIX: &str = "Nats-Batch-";

/// Headers that the server adds to what it delivers.
pub(crate) const STREAM_SOURCE: &str = "Nats-Stream-Source";
pub(crate) const STREAM: &str = "Nats-Stream";
pub(crate) const SUBJECT: &str = "Nats-Subject";
pub(crate) const SEQUENCE: &str = "Nats-Sequence";
pub(crate) const TIME_STAMP: &str = "Nats-Time-Stamp";
pub(crate) const MSG_SIZE: &str = "Nats-Msg-Size";
pub(crate) const LAST_CONSUMER: &str = "Nats-Last-Consumer";
pub(crate) const LAST_STREAM: &str = "Nats-Last-Stream";
pub(crate) const CONSUMER_STALLED: &str = "Nats-Consumer-Stalled";
pub(crate) const PENDING_MESSAGES: &str = "Nats-Pending-Messages";
pub(crate) const PENDING_BYTES: &str = "Nats-Pending-Bytes";

/// Longest name of a stream or consumer, in bytes.
pub(crate) const NAME_LEN_MAX: usize = 255;
/// Longest description of a stream or consumer, in bytes.
pub(crate) const DESCRIPTION_LEN_MAX: usize = 4 * 1024;
/// Most bytes of all keys and values of metadata.
pub(crate) const METADATA_LEN_MAX: usize = 128 * 1024;
/// Most subjects of a stream, and most filters of a consumer: each is checked against each.
pub(crate) const SUBJECTS_MAX: usize = 1000;
/// Most names in one page of a list.
pub(crate) const NAMES_PAGE: usize = 1024;
/// Most details in one page of a list.
pub(crate) const LIST_PAGE: usize = 256;
/// Most subjects in one page of a stream's details.
pub(crate) const SUBJECTS_PAGE: usize = 100_000;
