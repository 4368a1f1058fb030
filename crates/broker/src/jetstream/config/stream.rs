//! The configuration of a stream.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SourceConfig, TransformConfig, refuse_stream_option, strict, unsupported};
use crate::jetstream::ApiError;
use crate::jetstream::clock::Nanos;
use crate::jetstream::names::{DESCRIPTION_LEN_MAX, METADATA_LEN_MAX, NAME_LEN_MAX, SUBJECTS_MAX};
use crate::subject;

const SECOND: Nanos = 1_000_000_000;
const MILLISECOND: Nanos = 1_000_000;

/// Window within which a message id is remembered, unless told otherwise.
const DUPLICATE_WINDOW_DEFAULT: Nanos = 120 * SECOND;
/// Shortest age and duplicate window.
const WINDOW_MIN: Nanos = 100 * MILLISECOND;

/// Replicas that the reference server allows at most.
const REPLICAS_MAX: i64 = 5;

/// Highest sequence that a stream may begin with, so that there is always a next one.
const FIRST_SEQ_MAX: u64 = u64::MAX / 2;

/// The fields that are understood, beside those with fields of their own.
const FIELDS: [&str; 26] = [
    "name",
    "description",
    "subjects",
    "retention",
    "max_consumers",
    "max_msgs",
    "max_bytes",
    "max_age",
    "max_msgs_per_subject",
    "max_msg_size",
    "discard",
    "storage",
    "num_replicas",
    "no_ack",
    "duplicate_window",
    "compression",
    "first_seq",
    "allow_direct",
    "mirror_direct",
    "discard_new_per_subject",
    "sealed",
    "deny_delete",
    "deny_purge",
    "allow_rollup_hdrs",
    "metadata",
    "allow_msg_ttl",
];

/// What happens to messages once consumers have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Retention {
    /// They stay until a limit removes them.
    #[default]
    Limits,
    /// They go once every consumer that wants them has had them; without any, they are not even stored.
    Interest,
    /// They go once one consumer has had them. No two want the same.
    WorkQueue,
}

/// What happens when a limit is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Discard {
    #[default]
    Old,
    New,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Storage {
    #[default]
    File,
    Memory,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    #[default]
    None,
    S2,
}

/// Bounds for the consumers of one stream. Zero means none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ConsumerBounds {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) inactive_threshold: Nanos,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_ack_pending: i64,
}

/// The configuration of a stream, with the names and the order of the wire. Limits of -1 mean none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StreamConfig {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subjects: Vec<String>,
    pub(crate) retention: Retention,
    pub(crate) max_consumers: i64,
    pub(crate) max_msgs: i64,
    pub(crate) max_bytes: i64,
    /// Zero for none.
    pub(crate) max_age: Nanos,
    pub(crate) max_msgs_per_subject: i64,
    pub(crate) max_msg_size: i32,
    pub(crate) discard: Discard,
    pub(crate) storage: Storage,
    pub(crate) num_replicas: i64,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) no_ack: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) duplicate_window: Nanos,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<SourceConfig>,
    pub(crate) compression: Compression,
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub(crate) first_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject_transform: Option<TransformConfig>,
    pub(crate) allow_direct: bool,
    pub(crate) mirror_direct: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) discard_new_per_subject: bool,
    pub(crate) sealed: bool,
    pub(crate) deny_delete: bool,
    pub(crate) deny_purge: bool,
    pub(crate) allow_rollup_hdrs: bool,
    pub(crate) consumer_limits: ConsumerBounds,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Later than the announced version, but sent by some clients for every bucket, so it is offered.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) allow_msg_ttl: bool,
}

// ---------------------------------------------------------------------------------------------------------

impl StreamConfig {
    /// Reads a configuration, refusing every option that is not offered.
    pub(crate) fn parse(mut object: Map<String, Value>) -> Result<Self, ApiError> {
        let mut take = |name: &str| object.remove(name).filter(|value| !value.is_null());
        let (sources, rule) = (take("sources"), take("subject_transform"));
        let limits = take("consumer_limits");
        let mut config: Self = strict::parse(object, &FIELDS, refuse_stream_option)?;
        if let Some(sources) = sources {
            config.sources = SourceConfig::parse_list(sources)?;
        }
        config.subject_transform = rule.map(TransformConfig::parse).transpose()?;
        if let Some(limits) = limits {
            let limits = serde_json::from_value(limits).map_err(|_| ApiError::INVALID_JSON)?;
            let known = ["inactive_threshold", "max_ack_pending"];
            config.consumer_limits = strict::parse(limits, &known, |option| {
                refuse_stream_option(&format!("consumer_limits.{option}"))
            })?;
        }
        Ok(config)
    }

    /// Fills in defaults and checks that the configuration makes sense by itself.
    pub(crate) fn checked(mut self) -> Result<Self, ApiError> {
        self.check_texts()?;
        self.check_offered()?;
        for limit in [
            &mut self.max_msgs,
            &mut self.max_msgs_per_subject,
            &mut self.max_bytes,
            &mut self.max_consumers,
        ] {
            *limit = default_limit(*limit);
        }
        if self.max_msg_size == 0 {
            self.max_msg_size = -1;
        }
        self.num_replicas = 1;
        self.check_windows()?;
        self.check_contradictions()?;
        self.check_sources()?;
        if self.subjects.is_empty() && self.sources.is_empty() {
            self.subjects.push(self.name.clone());
        }
        self.check_subjects()?;
        Ok(self)
    }

    fn check_texts(&self) -> Result<(), ApiError> {
        if !subject::is_valid_name(&self.name) {
            return invalid("stream name is required and can not contain '.', '*', '>'");
        }
        if self.name.len() > NAME_LEN_MAX {
            return invalid(format!(
                "stream name is too long, maximum allowed is {NAME_LEN_MAX}"
            ));
        }
        if self.description.len() > DESCRIPTION_LEN_MAX {
            return invalid(format!(
                "stream description is too long, maximum allowed is {DESCRIPTION_LEN_MAX}"
            ));
        }
        if metadata_len(&self.metadata) > METADATA_LEN_MAX {
            return invalid(format!(
                "stream metadata exceeds maximum size of {METADATA_LEN_MAX} bytes"
            ));
        }
        Ok(())
    }

    /// Refuses what only nats-server does.
    fn check_offered(&self) -> Result<(), ApiError> {
        if self.num_replicas > REPLICAS_MAX {
            return invalid(format!("maximum replicas is {REPLICAS_MAX}"));
        }
        if self.num_replicas < 0 {
            return Err(ApiError::REPLICAS_NEGATIVE);
        }
        if self.num_replicas > 1 {
            return Err(ApiError::stream_replicas(unsupported(
                "replicas > 1 not supported in non-clustered mode: more than one replica",
            )));
        }
        if self.compression != Compression::None {
            return invalid(unsupported("compression"));
        }
        if self.first_seq > FIRST_SEQ_MAX {
            return invalid(format!("first sequence must not exceed {FIRST_SEQ_MAX}"));
        }
        if self.mirror_direct {
            return invalid("stream has no mirror but does have mirror direct");
        }
        Ok(())
    }

    fn check_windows(&mut self) -> Result<(), ApiError> {
        if self.duplicate_window == 0 {
            self.duplicate_window = match self.max_age {
                0 => DUPLICATE_WINDOW_DEFAULT,
                age => age.min(DUPLICATE_WINDOW_DEFAULT),
            };
        }
        if self.max_age != 0 && self.max_age < WINDOW_MIN {
            return invalid("max age needs to be >= 100ms");
        }
        if self.duplicate_window < 0 {
            return invalid("duplicates window can not be negative");
        }
        if self.max_age > 0 && self.duplicate_window > self.max_age {
            return invalid("duplicates window can not be larger then max age");
        }
        if self.duplicate_window < WINDOW_MIN {
            return invalid("duplicates window needs to be >= 100ms");
        }
        Ok(())
    }

    fn check_contradictions(&self) -> Result<(), ApiError> {
        if self.deny_purge && self.allow_rollup_hdrs {
            return invalid("roll-ups require the purge permission");
        }
        if self.discard_new_per_subject {
            if self.discard != Discard::New {
                return invalid("discard new per subject requires discard new policy to be set");
            }
            if self.max_msgs_per_subject <= 0 {
                return invalid("discard new per subject requires max msgs per subject > 0");
            }
        }
        Ok(())
    }

    fn check_subjects(&self) -> Result<(), ApiError> {
        if self.subjects.len() > SUBJECTS_MAX {
            return invalid(unsupported(&format!("more than {SUBJECTS_MAX} subjects")));
        }
        let mut seen = HashSet::new();
        for text in &self.subjects {
            let filter = text.as_bytes();
            if !subject::is_valid_filter(filter) {
                return invalid("invalid subject");
            }
            if !seen.insert(text) {
                return invalid("duplicate subjects detected");
            }
            if !self.no_ack {
                check_reserved(filter)?;
            }
        }
        for (at, left) in self.subjects.iter().enumerate() {
            for right in &self.subjects[at + 1..] {
                if subject::collide(left.as_bytes(), right.as_bytes()) {
                    return invalid(format!("subject {left:?} overlaps with {right:?}"));
                }
            }
        }
        Ok(())
    }

    /// Checks that this configuration may replace `old`, and adjusts it where sealing asks for it.
    pub(crate) fn checked_update(mut self, old: &Self) -> Result<Self, ApiError> {
        let cannot = |what: &str| invalid(format!("stream configuration update can not {what}"));
        if self.name != old.name {
            return invalid("stream configuration name must match original");
        }
        if self.max_consumers != old.max_consumers {
            return cannot("change MaxConsumers");
        }
        if self.storage != old.storage {
            return cannot("change storage type");
        }
        let is_queue = |config: &Self| config.retention == Retention::WorkQueue;
        if is_queue(&self) != is_queue(old) {
            return cannot("change retention policy to/from workqueue");
        }
        if old.sealed && !self.sealed {
            return cannot("unseal a sealed stream");
        }
        if old.deny_delete && !self.deny_delete {
            return cannot("cancel deny message deletes");
        }
        if old.deny_purge && !self.deny_purge {
            return cannot("cancel deny purge");
        }
        if old.allow_msg_ttl && !self.allow_msg_ttl {
            return invalid("message TTL status can not be disabled");
        }
        if self.sealed {
            self.max_age = 0;
            self.discard = Discard::New;
            self.deny_delete = true;
            self.deny_purge = true;
            self.allow_rollup_hdrs = false;
        }
        self.first_seq = old.first_seq;
        Ok(self)
    }
}

fn check_reserved(filter: &[u8]) -> Result<(), ApiError> {
    if filter == b">" {
        return invalid("capturing all subjects requires no-ack to be true");
    }
    let is_api = ["$JS.>", "$JSC.>", "$NRG.>"]
        .iter()
        .any(|reserved| subject::collide(filter, reserved.as_bytes()));
    if is_api && !subject::is_subset(filter, b"$JS.EVENT.>") {
        return invalid("subjects that overlap with jetstream api require no-ack to be true");
    }
    if subject::collide(filter, b"$SYS.>") && !subject::is_subset(filter, b"$SYS.ACCOUNT.>") {
        return invalid("subjects that overlap with system api require no-ack to be true");
    }
    Ok(())
}

fn invalid<T>(description: impl Into<std::borrow::Cow<'static, str>>) -> Result<T, ApiError> {
    Err(ApiError::stream_invalid_config(description))
}

fn default_limit(limit: i64) -> i64 {
    if limit <= 0 { -1 } else { limit }
}

pub(super) fn metadata_len(metadata: &BTreeMap<String, String>) -> usize {
    metadata
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
