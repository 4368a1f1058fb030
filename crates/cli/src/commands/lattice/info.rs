//! `weft lattice info`: the NATS server of a lattice, and what it keeps.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use weft_lattice::{ServerInfo, Storage, StreamKind, StreamSummary};

use crate::commands::get::{GetError, all_hosts};
use crate::context::{Context, ContextError};
use crate::failure::Failure;
use crate::ui::{Table, count, render_bytes};
use crate::view::{Block, SchemaVersion, View};

/// Show the NATS server of the lattice and what it keeps
///
/// Buckets, object stores and streams are those of the account, of other lattices on the same server too.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft lattice info                    See the server, and what it keeps
  weft lattice info -o wide            See the numbers of messages and consumers too
  weft lattice info --nats-url nats://nats.example:4222")]
pub(crate) struct InfoArgs {}

/// A lattice and what it is kept in.
#[derive(Debug, Serialize)]
struct InfoView {
    schema_version: SchemaVersion,
    /// Its name.
    lattice: String,
    /// How many hosts answer.
    hosts: usize,
    /// The NATS server.
    server: ServerView,
    /// What it keeps; `null` when it has no JetStream.
    storage: Option<StorageView>,
}

/// A NATS server.
#[derive(Debug, Serialize)]
struct ServerView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Whether it asks for credentials.
    is_auth_required: bool,
    /// The largest message it takes.
    payload_bytes_max: usize,
    /// How long a message to it and back took.
    round_trip_us: u64,
}

/// What it keeps.
#[derive(Debug, Serialize)]
struct StorageView {
    /// Bytes in files.
    file_bytes: u64,
    /// Bytes in memory.
    memory_bytes: u64,
    /// By name.
    streams: Vec<StreamSummary>,
}

/// Shows the server.
pub(crate) async fn run(_args: &InfoArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let server = lattice.server().await.map_err(ContextError::Request)?;
    let storage = lattice.storage().await.map_err(GetError::Bucket)?;
    let hosts = all_hosts(&lattice.control(), context.global.timeout)
        .await
        .map_err(|error| GetError::of(error, lattice.name()))?;
    context.show(&InfoView {
        schema_version: SchemaVersion,
        lattice: lattice.name().to_string(),
        hosts: hosts.len(),
        server: server.into(),
        storage: storage.map(Into::into),
    });
    Ok(())
}

// ===== impl InfoView =====

impl From<ServerInfo> for ServerView {
    fn from(server: ServerInfo) -> Self {
        Self {
            id: server.id,
            name: server.name,
            version: server.version,
            is_auth_required: server.is_auth_required,
            payload_bytes_max: server.payload_bytes_max,
            round_trip_us: u64::try_from(server.round_trip.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl From<Storage> for StorageView {
    fn from(storage: Storage) -> Self {
        Self {
            file_bytes: storage.file_bytes,
            memory_bytes: storage.memory_bytes,
            streams: storage.streams,
        }
    }
}

impl View for InfoView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let server = &self.server;
        let name = if server.name == server.id {
            String::new()
        } else {
            format!(" `{}`", server.name)
        };
        let auth = if server.is_auth_required {
            "asks for credentials"
        } else {
            "asks for no credentials"
        };
        let round_trip = Duration::from_micros(server.round_trip_us);
        let mut blocks = vec![
            Block::Line(format!(
                "lattice `{}`: {}",
                self.lattice,
                count(self.hosts, "host")
            )),
            Block::Line(format!(
                "server: NATS {}{name}, {auth}, messages up to {}, {:.1} ms away",
                server.version,
                render_bytes(server.payload_bytes_max as u64),
                round_trip.as_secs_f64() * 1000.0,
            )),
        ];
        let Some(storage) = &self.storage else {
            blocks.push(Block::Line(
                "storage: none, it has no JetStream, which lattices need".to_owned(),
            ));
            return blocks;
        };
        blocks.push(Block::Line(format!(
            "storage: {} in files, {} in memory",
            render_bytes(storage.file_bytes),
            render_bytes(storage.memory_bytes)
        )));
        if !storage.streams.is_empty() {
            blocks.push(Block::Text("\n".to_owned()));
            blocks.push(Block::Table(storage.table(is_wide)));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        let streams = self.storage.iter().flat_map(|storage| &storage.streams);
        streams.map(|stream| stream.name.clone()).collect()
    }
}

// ===== impl StorageView =====

impl StorageView {
    fn table(&self, is_wide: bool) -> Table {
        let mut headers = vec!["STREAM", "KIND", "MESSAGES", "SIZE"];
        if is_wide {
            headers.extend(["FIRST", "LAST", "CONSUMERS", "KEPT"]);
        }
        let mut table = Table::new(headers);
        for stream in &self.streams {
            let mut row = vec![
                stream.name.clone(),
                kind_word(stream.kind).to_owned(),
                stream.messages.to_string(),
                render_bytes(stream.bytes),
            ];
            if is_wide {
                let place = if stream.is_in_memory {
                    "memory"
                } else {
                    "file"
                };
                row.extend([
                    stream.first_sequence.to_string(),
                    stream.last_sequence.to_string(),
                    stream.consumers.to_string(),
                    format!(
                        "{place}, {}",
                        count(
                            usize::try_from(stream.replicas).unwrap_or(usize::MAX),
                            "replica"
                        )
                    ),
                ]);
            }
            table.push(row);
        }
        table
    }
}

fn kind_word(kind: StreamKind) -> &'static str {
    match kind {
        StreamKind::Bucket => "bucket",
        StreamKind::ObjectStore => "object store",
        _ => "stream",
    }
}
