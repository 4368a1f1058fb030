//! What a NATS server is, and what it keeps.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bucket::BucketError;
use crate::jetstream::{self, AskError};
use crate::lattice::Lattice;
use crate::message::Headers;
use crate::request::RequestError;

/// What stands for all of JetStream in errors, in the place of a bucket.
const ALL: &str = "JetStream";

/// A NATS server, as it describes itself to clients.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its id.
    pub id: String,
    /// Its name; often the same as the id.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it asks for credentials.
    pub is_auth_required: bool,
    /// Whether it has JetStream. Clients that are not in a server's own account may not be told.
    pub has_jetstream: bool,
    /// The largest message it takes, in bytes.
    pub payload_bytes_max: usize,
    /// How long a message to it and back took.
    pub round_trip: Duration,
}

/// What a NATS server keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Storage {
    /// Bytes in files.
    pub file_bytes: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Streams, buckets and object stores among them, by name.
    pub streams: Vec<StreamSummary>,
}

/// A stream, and what it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamSummary {
    /// Its name.
    pub name: String,
    /// What it is to clients.
    pub kind: StreamKind,
    /// Messages that it holds; in a bucket, entries with their history and removals.
    pub messages: u64,
    /// Bytes that they take, as the server counts.
    pub bytes: u64,
    /// The number of the first.
    pub first_sequence: u64,
    /// The number of the last; the revision of a bucket.
    pub last_sequence: u64,
    /// Its consumers, watches among them.
    pub consumers: u64,
    /// Whether it is in memory, and ends with the server.
    pub is_in_memory: bool,
    /// On how many servers it is kept.
    pub replicas: u64,
}

/// What a stream is to clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StreamKind {
    /// A stream.
    Stream,
    /// A key-value bucket.
    Bucket,
    /// An object store.
    ObjectStore,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    memory: u64,
    #[serde(default)]
    storage: u64,
}

/// A page of a listing.
#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    total: usize,
    #[serde(default)]
    streams: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    config: Config,
    state: State,
}

#[derive(Deserialize)]
struct Config {
    name: String,
    #[serde(default)]
    storage: String,
    #[serde(default)]
    num_replicas: u64,
}

#[derive(Deserialize)]
struct State {
    #[serde(default)]
    messages: u64,
    #[serde(default)]
    bytes: u64,
    #[serde(rename = "first_seq", default)]
    first_sequence: u64,
    #[serde(rename = "last_seq", default)]
    last_sequence: u64,
    #[serde(rename = "consumer_count", default)]
    consumers: u64,
}

// ===== impl Lattice =====

impl Lattice {
    /// The server of this connection.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when it does not answer within the request timeout.
    pub async fn server(&self) -> Result<ServerInfo, RequestError> {
        let begun = Instant::now();
        self.flush().await?;
        let round_trip = begun.elapsed();
        let info = self.nats().server_info();
        Ok(ServerInfo {
            id: info.server_id,
            name: info.server_name,
            version: info.version,
            is_auth_required: info.auth_required,
            has_jetstream: info.jetstream,
            payload_bytes_max: info.max_payload,
            round_trip,
        })
    }

    /// What the server keeps for the account of this connection; `None` when it has no JetStream.
    ///
    /// # Errors
    ///
    /// [`BucketError`] when it does not answer, or not as expected.
    pub async fn storage(&self) -> Result<Option<Storage>, BucketError> {
        let account: Account = match self.ask_storage("INFO", 0).await? {
            Some(account) => account,
            None => return Ok(None),
        };
        let mut streams = Vec::new();
        loop {
            let page: Option<Page> = self.ask_storage("STREAM.LIST", streams.len()).await?;
            let total = page.as_ref().map_or(0, |page| page.total);
            let listed = page.and_then(|page| page.streams).unwrap_or_default();
            let is_last = listed.is_empty();
            streams.extend(listed.into_iter().map(StreamSummary::from));
            if is_last || streams.len() >= total {
                break;
            }
        }
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(Storage {
            file_bytes: account.storage,
            memory_bytes: account.memory,
            streams,
        }))
    }

    /// `None` when there is no JetStream.
    async fn ask_storage<T: serde::de::DeserializeOwned>(
        &self,
        request: &str,
        offset: usize,
    ) -> Result<Option<T>, BucketError> {
        let subject = format!("{}.{request}", self.jetstream_prefix());
        let body = json!({ "offset": offset }).to_string();
        let body = if request == "INFO" {
            String::new()
        } else {
            body
        };
        let bucket = ALL.to_owned();
        let not_understood = |error: serde_json::Error| BucketError::Answer {
            bucket: ALL.to_owned(),
            source: error.into(),
        };
        match jetstream::ask(self, &subject, &Headers::new(), body.into()).await {
            Ok(payload) => serde_json::from_slice(&payload)
                .map(Some)
                .map_err(not_understood),
            Err(AskError::NoResponders) => Ok(None),
            Err(AskError::Refused { code, .. }) if jetstream::is_not_enabled(code) => Ok(None),
            Err(AskError::Refused { code, description }) => Err(BucketError::Refused {
                bucket,
                code,
                description,
            }),
            Err(AskError::Request(source)) => Err(BucketError::Request { bucket, source }),
            Err(AskError::Answer(error)) => Err(not_understood(error)),
        }
    }
}

// ===== impl StreamSummary =====

impl From<Listed> for StreamSummary {
    fn from(listed: Listed) -> Self {
        let Listed { config, state } = listed;
        Self {
            kind: StreamKind::of_name(&config.name),
            messages: state.messages,
            bytes: state.bytes,
            first_sequence: state.first_sequence,
            last_sequence: state.last_sequence,
            consumers: state.consumers,
            is_in_memory: config.storage == "memory",
            replicas: config.num_replicas.max(1),
            name: config.name,
        }
    }
}

// ===== impl StreamKind =====

impl StreamKind {
    /// Clients tell them by their names alone.
    fn of_name(name: &str) -> Self {
        if name.starts_with("KV_") {
            Self::Bucket
        } else if name.starts_with("OBJ_") {
            Self::ObjectStore
        } else {
            Self::Stream
        }
    }
}
