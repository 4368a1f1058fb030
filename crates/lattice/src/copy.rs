//! Copying everything that JetStream keeps from one NATS server to another.
//!
//! Buckets and object stores are streams, so streams are all there is to copy. A copy keeps the number of every message,
//! because the revision of an entry is the number of its message: gaps are filled with messages on a subject of our own,
//! which are purged in the end. While a stream is being copied, its target has a configuration without limits
//! ([`config`]), so that nothing is removed that arrives out of its time; the real one is put in place at the end.
//!
//! Every run begins with a comparison of what is there with what should be: so a run that was interrupted is continued
//! by the next, one that has nothing to do changes nothing, and a target that holds something else is left alone.
//!
//! What cannot be kept is the time of a message, which the server gives: what expires by age lives anew. Headers that were
//! conditions of a write (`Nats-Expected-…`) are left out, as their conditions cannot hold a second time.

mod compare;
mod config;
mod consumers;
mod error;
mod jetstream;
mod publisher;
mod reader;
mod record;
mod stream;

pub use error::{CopyError, Difference};

use serde::Serialize;

use crate::lattice::Lattice;
use jetstream::Jetstream;

/// What to copy, and how.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    /// The streams to copy, by name; a bucket is the stream `KV_{bucket}`, an object store `OBJ_{store}`. Default: all.
    pub streams: Vec<String>,
    /// Replicas of the copies. Default: as many as the originals have.
    pub replicas: Option<u8>,
    /// Whether only to compare and to tell what would be done.
    pub is_dry_run: bool,
}

/// How far a copy is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// The stream that is being copied.
    pub stream: String,
    /// Its place among those to copy, from one.
    pub stream_number: usize,
    /// How many there are to copy.
    pub streams: usize,
    /// What is being done.
    pub phase: CopyPhase,
    /// The number of the last message that this was done with.
    pub sequence: u64,
    /// The number of the last message of the stream.
    pub sequence_last: u64,
}

/// What is being done with a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CopyPhase {
    /// What the target has is compared with the source.
    Compare,
    /// Messages are copied.
    Copy,
    /// What was copied is read again and compared.
    Verify,
}

/// What a copy did, or would do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// By stream, in the order in which they were copied.
    pub streams: Vec<StreamReport>,
}

/// What was done with a stream, or would be.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamReport {
    /// Its name.
    pub name: String,
    /// Whether it was not there before.
    pub is_new: bool,
    /// Messages that were copied.
    pub copied: u64,
    /// Messages that were there and the same.
    pub kept: u64,
    /// Messages that were removed because the source has them no more.
    pub removed: u64,
    /// Messages that were found the same in both after the copy: all that the source has.
    pub verified: u64,
    /// Bytes of the messages that were copied, headers included.
    pub bytes: u64,
    /// Durable consumers that were made.
    pub consumers: u64,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Why a stream was not copied.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftOut {
    /// It mirrors another stream, which is the one to copy.
    Mirror,
}

// ---------------------------------------------------------------------------------------------------------

/// Copies streams with their messages and durable consumers from one server to another. Streams are compared first and
/// only what is missing is copied, so it may be repeated, also while the source is in use; the last run has to be made
/// when nobody writes to the source any more. `observe` is told of progress from time to time.
///
/// Dropping the future stops between two requests. What was copied stays; the next run continues.
///
/// # Errors
///
/// [`CopyError`]. Streams that were copied before stay copied.
pub async fn copy(
    from: &Lattice,
    to: &Lattice,
    options: &CopyOptions,
    mut observe: impl FnMut(CopyProgress),
) -> Result<CopyReport, CopyError> {
    let from = Jetstream::new(from.clone(), "source");
    let to = Jetstream::new(to.clone(), "target");
    let mut names = from.stream_names().await?;
    if let Some(missing) = options.streams.iter().find(|name| !names.contains(name)) {
        return Err(CopyError::NoStream {
            stream: missing.clone(),
        });
    }
    if !options.streams.is_empty() {
        names.retain(|name| options.streams.contains(name));
    }
    let mut infos = Vec::with_capacity(names.len());
    for name in &names {
        infos.extend(from.stream_info(name).await?);
    }
    // What takes its messages from other streams comes after those.
    infos.sort_by_key(|info| (config::has_sources(&info.config), info.name().to_owned()));
    let count = infos.len();
    let mut streams = Vec::with_capacity(count);
    for (at, source) in infos.into_iter().enumerate() {
        let mut tell = |phase, sequence, sequence_last| {
            observe(CopyProgress {
                stream: names_of(&source),
                stream_number: at + 1,
                streams: count,
                phase,
                sequence,
                sequence_last,
            });
        };
        streams.push(stream::copy(&from, &to, &source, options, &mut tell).await?);
    }
    Ok(CopyReport { streams })
}

fn names_of(info: &jetstream::StreamInfo) -> String {
    info.name().to_owned()
}
