//! The few requests of JetStream that buckets need.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use weft_protocol::json as bounded;

use super::entry::{Operation, Record};
use super::error::BucketError;
use super::options::{BucketOptions, Storage};
use super::{OPERATION_HEADER, delivery};
use crate::jetstream::{self, AskError};
use crate::lattice::Lattice;
use crate::message::Headers;
use crate::request::RequestError;

/// Numbers of errors of JetStream.
mod code {
    pub(super) const NO_MESSAGE: u64 = 10_037;
    pub(super) const NAME_TAKEN: u64 = 10_058;
    pub(super) const NO_STREAM: u64 = 10_059;
    pub(super) const WRONG_REVISION: u64 = 10_071;
    /// The same as [`WRONG_REVISION`], from servers since 2.12.
    pub(super) const WRONG_REVISION_CONSTANT: u64 = 10_164;
}

/// Sends requests to JetStream.
pub(super) struct Jetstream {
    lattice: Lattice,
}

/// Why JetStream did not do what it was asked.
#[derive(Debug)]
pub(super) enum JetstreamError {
    Request(RequestError),
    /// Nobody serves the subject.
    NoResponders {
        is_write: bool,
    },
    Refused {
        code: u64,
        description: String,
    },
    Answer(Box<dyn Error + Send + Sync>),
}

/// What is needed of the description of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamInfo {
    /// When the stream was made, which tells it from another of the same name.
    pub(super) created: String,
    pub(super) config: StreamConfig,
    pub(super) state: StreamState,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamConfig {
    #[serde(default)]
    pub(super) num_replicas: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    #[serde(rename = "last_seq")]
    pub(super) last_sequence: u64,
}

/// What is needed of the description of a consumer.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    pub(super) name: String,
    #[serde(default)]
    pub(super) num_pending: u64,
}

/// A push consumer that delivers the last message of each subject and then each new one, in order, without
/// acknowledgements; the server forgets it some time after nobody listens any more.
#[derive(Serialize)]
pub(super) struct ConsumerConfig<'a> {
    pub(super) deliver_subject: &'a str,
    pub(super) filter_subject: &'a str,
    pub(super) deliver_policy: &'static str,
    pub(super) ack_policy: &'static str,
    pub(super) replay_policy: &'static str,
    pub(super) max_deliver: i64,
    pub(super) flow_control: bool,
    pub(super) mem_storage: bool,
    pub(super) num_replicas: u8,
    /// In nanoseconds, as is the next.
    pub(super) idle_heartbeat: u64,
    pub(super) inactive_threshold: u64,
    pub(super) headers_only: bool,
}

#[derive(Deserialize)]
struct Acknowledged {
    seq: u64,
}

#[derive(Deserialize)]
struct LastMessage {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    seq: u64,
    /// Headers as on the wire, in base64.
    #[serde(default)]
    hdrs: Option<String>,
    /// The body in base64; absent when empty.
    #[serde(default)]
    data: Option<String>,
}

// ===== impl Jetstream =====

impl Jetstream {
    pub(super) fn new(lattice: Lattice) -> Self {
        Self { lattice }
    }

    pub(super) fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// What to put before a key to write it: in a domain, writes go through the prefix of the domain's requests.
    pub(super) fn write_prefix(&self, subject_prefix: &str) -> String {
        match self.lattice.jetstream_domain_prefix() {
            Some(prefix) => format!("{prefix}.{subject_prefix}"),
            None => subject_prefix.to_owned(),
        }
    }

    pub(super) async fn stream_info(&self, stream: &str) -> Result<StreamInfo, JetstreamError> {
        self.ask(&format!("STREAM.INFO.{stream}"), &json!({})).await
    }

    /// Makes a stream as the key-value stores of NATS are made.
    pub(super) async fn create_stream(
        &self,
        stream: &str,
        subject_prefix: &str,
        options: &BucketOptions,
    ) -> Result<StreamInfo, JetstreamError> {
        let storage = match options.storage {
            Storage::File => "file",
            Storage::Memory => "memory",
        };
        let config = json!({
            "name": stream,
            "subjects": [format!("{subject_prefix}>")],
            "retention": "limits",
            "discard": "new",
            "storage": storage,
            "num_replicas": options.replicas.max(1),
            "max_msgs_per_subject": options.history.clamp(1, 64),
            "max_msgs": -1,
            "max_bytes": -1,
            "max_msg_size": -1,
            "max_consumers": -1,
            "max_age": 0,
            "allow_rollup_hdrs": true,
            "deny_delete": true,
            "allow_direct": true,
        });
        self.ask(&format!("STREAM.CREATE.{stream}"), &config).await
    }

    /// The last message of `subject`, from the leader of the stream; `None` when there is none.
    pub(super) async fn last_message(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Record>, JetstreamError> {
        let body = json!({ "last_by_subj": subject });
        let answer: LastMessage = match self.ask(&format!("STREAM.MSG.GET.{stream}"), &body).await {
            Ok(answer) => answer,
            Err(JetstreamError::Refused {
                code: code::NO_MESSAGE,
                ..
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let message = answer.message;
        let headers = message.hdrs.as_deref().map(decode_base64).transpose()?;
        let header = |name| {
            headers
                .as_deref()
                .and_then(|headers| delivery::find_header(headers, name))
        };
        let operation =
            Operation::of_headers(header(OPERATION_HEADER), header(delivery::MARKER_HEADER));
        Ok(Some(Record {
            operation,
            value: decode_base64(message.data.as_deref().unwrap_or_default())?.into(),
            revision: message.seq,
        }))
    }

    pub(super) async fn create_consumer(
        &self,
        stream: &str,
        config: &ConsumerConfig<'_>,
    ) -> Result<ConsumerInfo, JetstreamError> {
        let body = json!({ "stream_name": stream, "config": config });
        self.ask(&format!("CONSUMER.CREATE.{stream}"), &body).await
    }

    pub(super) async fn delete_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<(), JetstreamError> {
        let subject = format!("CONSUMER.DELETE.{stream}.{consumer}");
        self.ask::<serde_json::Value>(&subject, &json!({})).await?;
        Ok(())
    }

    /// Writes a message into the stream that has `subject`, and returns its number.
    pub(super) async fn write(
        &self,
        subject: &str,
        headers: &Headers,
        value: Bytes,
    ) -> Result<u64, JetstreamError> {
        let acknowledged: Acknowledged = self.send(subject, headers, value, true).await?;
        Ok(acknowledged.seq)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: &str,
        body: &serde_json::Value,
    ) -> Result<T, JetstreamError> {
        let subject = format!("{}.{request}", self.lattice.jetstream_prefix());
        let body = body.to_string().into();
        self.send(&subject, &Headers::new(), body, false).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        subject: &str,
        headers: &Headers,
        body: Bytes,
        is_write: bool,
    ) -> Result<T, JetstreamError> {
        match jetstream::ask(&self.lattice, subject, headers, body).await {
            Ok(payload) => decode(&payload),
            Err(AskError::NoResponders) => Err(JetstreamError::NoResponders { is_write }),
            Err(AskError::Request(error)) => Err(JetstreamError::Request(error)),
            Err(AskError::Refused { code, description }) => {
                Err(JetstreamError::Refused { code, description })
            }
            Err(AskError::Answer(error)) => Err(JetstreamError::Answer(error.into())),
        }
    }
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, JetstreamError> {
    bounded::decode(payload).map_err(|error| JetstreamError::Answer(error.into()))
}

fn decode_base64(text: &str) -> Result<Vec<u8>, JetstreamError> {
    STANDARD
        .decode(text)
        .map_err(|error| JetstreamError::Answer(error.into()))
}

// ===== impl JetstreamError =====

impl JetstreamError {
    pub(super) fn is_name_taken(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: code::NAME_TAKEN,
                ..
            }
        )
    }

    pub(super) fn is_wrong_revision(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: code::WRONG_REVISION | code::WRONG_REVISION_CONSTANT,
                ..
            }
        )
    }

    /// The error as that of `bucket`.
    pub(super) fn of_bucket(self, bucket: &str) -> BucketError {
        let bucket = bucket.to_owned();
        match self {
            Self::Request(source) => BucketError::Request { bucket, source },
            // A write goes to a stream, everything else to JetStream itself.
            Self::NoResponders { is_write: true }
            | Self::Refused {
                code: code::NO_STREAM,
                ..
            } => BucketError::Missing { bucket },
            Self::NoResponders { is_write: false } => BucketError::NoJetstream { bucket },
            Self::Refused { code, .. } if jetstream::is_not_enabled(code) => {
                BucketError::NoJetstream { bucket }
            }
            Self::Refused { code, description } => BucketError::Refused {
                bucket,
                code,
                description,
            },
            Self::Answer(source) => BucketError::Answer { bucket, source },
        }
    }
}
