//! The requests of JetStream that copying needs. Configurations stay JSON, so that fields that are not known here are
//! copied too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::CopyError;
use super::record::Record;
use crate::jetstream::{self, AskError};
use crate::lattice::Lattice;
use crate::message::Headers;

/// Numbers of errors of JetStream.
mod code {
    pub(super) const NO_CONSUMER: u64 = 10_014;
    pub(super) const NO_MESSAGE: u64 = 10_037;
    pub(super) const NO_STREAM: u64 = 10_059;
}

/// JetStream of one of the two servers.
#[derive(Clone)]
pub(super) struct Jetstream {
    lattice: Lattice,
    /// Which of the two it is, for messages.
    side: &'static str,
}

/// A stream, as its server describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct StreamInfo {
    pub(super) config: Value,
    pub(super) state: StreamState,
    #[serde(default)]
    pub(super) sources: Vec<SourceInfo>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct StreamState {
    #[serde(rename = "first_seq", default)]
    pub(super) first_sequence: u64,
    #[serde(rename = "last_seq", default)]
    pub(super) last_sequence: u64,
}

/// How far a stream is with one that it takes messages from.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SourceInfo {
    pub(super) name: String,
    #[serde(default)]
    pub(super) lag: u64,
}

/// A consumer, as its server describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ConsumerInfo {
    pub(super) config: Value,
    #[serde(default)]
    pub(super) ack_floor: Position,
    #[serde(default)]
    pub(super) delivered: Position,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Position {
    #[serde(rename = "stream_seq", default)]
    pub(super) stream_sequence: u64,
}

/// A page of a listing.
#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    total: usize,
    #[serde(default)]
    streams: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Consumers {
    #[serde(default)]
    total: usize,
    #[serde(default)]
    consumers: Option<Vec<ConsumerInfo>>,
}

#[derive(Deserialize)]
struct Found {
    message: StoredMessage,
}

#[derive(Deserialize)]
struct StoredMessage {
    subject: String,
    seq: u64,
    /// Headers as on the wire, in base64.
    #[serde(default)]
    hdrs: Option<String>,
    /// The body in base64; absent when empty.
    #[serde(default)]
    data: Option<String>,
}

// ===== impl StreamInfo =====

impl StreamInfo {
    pub(super) fn name(&self) -> &str {
        self.config["name"].as_str().unwrap_or_default()
    }
}

// ===== impl Jetstream =====

impl Jetstream {
    pub(super) fn new(lattice: Lattice, side: &'static str) -> Self {
        Self { lattice, side }
    }

    pub(super) fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    pub(super) async fn stream_names(&self) -> Result<Vec<String>, CopyError> {
        let mut names = Vec::new();
        loop {
            let page: Names = self
                .ask("", "STREAM.NAMES", &json!({ "offset": names.len() }))
                .await?;
            let listed = page.streams.unwrap_or_default();
            let is_last = listed.is_empty();
            names.extend(listed);
            if is_last || names.len() >= page.total {
                return Ok(names);
            }
        }
    }

    /// `None` when there is no such stream.
    pub(super) async fn stream_info(&self, stream: &str) -> Result<Option<StreamInfo>, CopyError> {
        let answer = self
            .ask(stream, &format!("STREAM.INFO.{stream}"), &json!({}))
            .await;
        unless_refused(answer, code::NO_STREAM)
    }

    pub(super) async fn create_stream(
        &self,
        stream: &str,
        config: &Value,
    ) -> Result<StreamInfo, CopyError> {
        self.ask(stream, &format!("STREAM.CREATE.{stream}"), config)
            .await
    }

    pub(super) async fn update_stream(
        &self,
        stream: &str,
        config: &Value,
    ) -> Result<StreamInfo, CopyError> {
        self.ask(stream, &format!("STREAM.UPDATE.{stream}"), config)
            .await
    }

    /// Removes messages, as `selection` says.
    pub(super) async fn purge(&self, stream: &str, selection: &Value) -> Result<(), CopyError> {
        self.ask::<Value>(stream, &format!("STREAM.PURGE.{stream}"), selection)
            .await?;
        Ok(())
    }

    /// Removes a message, if it is there.
    pub(super) async fn delete_message(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<(), CopyError> {
        let body = json!({ "seq": sequence, "no_erase": true });
        let answer: Result<Value, _> = self
            .ask(stream, &format!("STREAM.MSG.DELETE.{stream}"), &body)
            .await;
        unless_refused(answer, code::NO_MESSAGE)?;
        Ok(())
    }

    /// The message with a number.
    pub(super) async fn message(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<Record>, CopyError> {
        self.get(stream, &json!({ "seq": sequence })).await
    }

    /// The first message with this number or a higher one.
    pub(super) async fn message_from(
        &self,
        stream: &str,
        sequence: u64,
    ) -> Result<Option<Record>, CopyError> {
        self.message_of(stream, ">", sequence).await
    }

    /// The first message with this number or a higher one whose subject is among those that `pattern` stands for.
    pub(super) async fn message_of(
        &self,
        stream: &str,
        pattern: &str,
        sequence: u64,
    ) -> Result<Option<Record>, CopyError> {
        self.get(stream, &json!({ "seq": sequence, "next_by_subj": pattern }))
            .await
    }

    pub(super) async fn consumers(&self, stream: &str) -> Result<Vec<ConsumerInfo>, CopyError> {
        let mut all = Vec::new();
        loop {
            let body = json!({ "offset": all.len() });
            let page: Consumers = self
                .ask(stream, &format!("CONSUMER.LIST.{stream}"), &body)
                .await?;
            let listed = page.consumers.unwrap_or_default();
            let is_last = listed.is_empty();
            all.extend(listed);
            if is_last || all.len() >= page.total {
                return Ok(all);
            }
        }
    }

    pub(super) async fn has_consumer(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<bool, CopyError> {
        let subject = format!("CONSUMER.INFO.{stream}.{consumer}");
        let answer: Result<Value, _> = self.ask(stream, &subject, &json!({})).await;
        Ok(unless_refused(answer, code::NO_CONSUMER)?.is_some())
    }

    pub(super) async fn create_consumer(
        &self,
        stream: &str,
        consumer: &str,
        config: &Value,
    ) -> Result<(), CopyError> {
        let subject = format!("CONSUMER.DURABLE.CREATE.{stream}.{consumer}");
        let body = json!({ "stream_name": stream, "config": config });
        self.ask::<Value>(stream, &subject, &body).await?;
        Ok(())
    }

    async fn get(&self, stream: &str, wanted: &Value) -> Result<Option<Record>, CopyError> {
        let answer: Result<Found, _> = self
            .ask(stream, &format!("STREAM.MSG.GET.{stream}"), wanted)
            .await;
        let Some(found) = unless_refused(answer, code::NO_MESSAGE)? else {
            return Ok(None);
        };
        let decode = |text: Option<String>| {
            STANDARD
                .decode(text.unwrap_or_default())
                .map_err(|error| self.not_understood(stream, error))
        };
        let message = found.message;
        Ok(Some(Record {
            sequence: message.seq,
            subject: message.subject,
            headers: Record::parse_headers(&decode(message.hdrs)?),
            payload: decode(message.data)?.into(),
        }))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        stream: &str,
        request: &str,
        body: &Value,
    ) -> Result<T, CopyError> {
        let subject = format!("{}.{request}", self.lattice.jetstream_prefix());
        let body = body.to_string().into();
        match jetstream::ask(&self.lattice, &subject, &Headers::new(), body).await {
            Ok(payload) => {
                serde_json::from_slice(&payload).map_err(|error| self.not_understood(stream, error))
            }
            Err(AskError::NoResponders) => Err(CopyError::NoJetstream { side: self.side }),
            Err(AskError::Request(source)) => Err(CopyError::Request {
                side: self.side,
                stream: stream.to_owned(),
                source,
            }),
            Err(AskError::Refused { code, description }) => Err(CopyError::Refused {
                side: self.side,
                stream: stream.to_owned(),
                code,
                description,
            }),
            Err(AskError::Answer(error)) => Err(self.not_understood(stream, error)),
        }
    }

    fn not_understood(
        &self,
        stream: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> CopyError {
        CopyError::Answer {
            side: self.side,
            stream: stream.to_owned(),
            source: error.into(),
        }
    }
}

/// `None` in the place of a refusal with this number.
fn unless_refused<T>(answer: Result<T, CopyError>, refusal: u64) -> Result<Option<T>, CopyError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CopyError::Refused { code, .. }) if code == refusal => Ok(None),
        Err(error) => Err(error),
    }
}
