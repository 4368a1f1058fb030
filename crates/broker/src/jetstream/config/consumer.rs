//! The configuration of a consumer.

mod checks;
mod work_queue;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stream::{is_false, is_zero, is_zero_u64};
use super::{refuse_consumer_option, strict};
use crate::jetstream::ApiError;
use crate::jetstream::clock::Nanos;

/// The fields that are understood.
const FIELDS: [&str; 28] = [
    "durable_name",
    "name",
    "description",
    "deliver_policy",
    "opt_start_seq",
    "opt_start_time",
    "ack_policy",
    "ack_wait",
    "max_deliver",
    "backoff",
    "filter_subject",
    "filter_subjects",
    "replay_policy",
    "rate_limit_bps",
    "sample_freq",
    "max_waiting",
    "max_ack_pending",
    "idle_heartbeat",
    "flow_control",
    "headers_only",
    "max_batch",
    "max_expires",
    "max_bytes",
    "deliver_subject",
    "deliver_group",
    "inactive_threshold",
    "num_replicas",
    "mem_storage",
];

/// Where in the stream a consumer begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliverPolicy {
    #[default]
    All,
    Last,
    New,
    ByStartSequence,
    ByStartTime,
    LastPerSubject,
}

/// What a receiver owes for each message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AckPolicy {
    #[default]
    None,
    /// An acknowledgement covers all earlier messages.
    All,
    Explicit,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReplayPolicy {
    #[default]
    Instant,
    Original,
}

/// The configuration of a consumer, with the names and the order of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ConsumerConfig {
    #[serde(rename = "durable_name", skip_serializing_if = "String::is_empty")]
    pub(crate) durable: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) deliver_policy: DeliverPolicy,
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub(crate) opt_start_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opt_start_time: Option<String>,
    pub(crate) ack_policy: AckPolicy,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) ack_wait: Nanos,
    /// -1 for no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_deliver: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) backoff: Vec<Nanos>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filter_subject: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter_subjects: Vec<String>,
    pub(crate) replay_policy: ReplayPolicy,
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub(crate) rate_limit_bps: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) sample_freq: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_waiting: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_ack_pending: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) idle_heartbeat: Nanos,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) flow_control: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) headers_only: bool,
    /// Limits of one pull request. Zero for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_batch: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_expires: Nanos,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) max_bytes: i64,
    /// Empty for a consumer that is pulled from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) deliver_subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) deliver_group: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) inactive_threshold: Nanos,
    pub(crate) num_replicas: i64,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) mem_storage: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

// ---------------------------------------------------------------------------------------------------------

impl ConsumerConfig {
    /// Reads a configuration, refusing every option that is not offered.
    pub(crate) fn parse(object: Map<String, Value>) -> Result<Self, ApiError> {
        let known: Vec<&str> = FIELDS.iter().copied().chain(["metadata"]).collect();
        strict::parse(object, &known, refuse_consumer_option)
    }

    pub(crate) fn is_push(&self) -> bool {
        !self.deliver_subject.is_empty()
    }

    pub(crate) fn is_durable(&self) -> bool {
        !self.durable.is_empty()
    }

    /// Time to acknowledge a message that was delivered again so many times.
    pub(crate) fn ack_wait_after(&self, redeliveries: u64) -> Nanos {
        let step = usize::try_from(redeliveries).unwrap_or(usize::MAX);
        let wait = self.backoff.get(step).or_else(|| self.backoff.last());
        wait.copied().unwrap_or(self.ack_wait)
    }

    /// All filters; none means every subject.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &String> {
        Some(&self.filter_subject)
            .filter(|filter| !filter.is_empty())
            .into_iter()
            .chain(&self.filter_subjects)
    }
}
