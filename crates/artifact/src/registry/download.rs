//! Blobs from a registry to the disk.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, StatusCode};
use tokio::sync::mpsc;
use tokio::task;

use super::cause::ConnectError;
use super::client::{Call, Client, host_of, unreachable};
use super::error::RegistryError;
use super::image::Image;
use super::manifest::Layer;
use super::retry::Backoff;
use super::transport::Answer;
use crate::partial::Partial;
use crate::progress::{Step, Teller};

/// Pieces that wait to be written.
const PIECES_MAX: usize = 8;

/// What is downloaded, and for whom.
pub(crate) struct Wanted<'a> {
    pub(crate) image: &'a Image,
    pub(crate) layer: Layer,
    pub(crate) teller: &'a Teller,
}

impl Client {
    /// Completes `partial` with the layer, going on where it ends. It is the whole layer, verified, when this succeeds;
    /// when it fails or is cancelled, what came stays on disk.
    pub(crate) async fn download(
        &self,
        wanted: &Wanted<'_>,
        mut partial: Partial,
    ) -> Result<Partial, RegistryError> {
        let mut backoff = Backoff::new(&self.options, self.options.attempts_max);
        let mut is_restarted = false;
        loop {
            let before = partial.bytes();
            let failure;
            (partial, failure) = self.go_on(wanted, partial).await?;
            let Some(failure) = failure else {
                let found = partial.digest();
                if found == wanted.layer.digest {
                    return Ok(partial);
                }
                let path = partial.path().to_owned();
                let restarted = partial.restart().map_err(|error| disk(&path, error));
                // What an earlier download left may be what is wrong: the whole is asked for once more.
                if before > 0 && !is_restarted {
                    is_restarted = true;
                    restarted?;
                    continue;
                }
                return Err(RegistryError::Corrupted {
                    registry: wanted.image.registry().to_owned(),
                    reference: wanted.teller.reference.to_string(),
                    expected: wanted.layer.digest,
                    found,
                });
            };
            if partial.bytes() > before {
                backoff.reset();
            }
            backoff.pause(failure, wanted.teller).await?;
        }
    }

    /// One request for what is missing. An error that ends the download is `Err`; one after which it may go on comes
    /// with what is there.
    async fn go_on(
        &self,
        wanted: &Wanted<'_>,
        mut partial: Partial,
    ) -> Result<(Partial, Option<RegistryError>), RegistryError> {
        if partial.bytes() >= wanted.layer.bytes {
            return Ok((partial, None));
        }
        let (image, teller) = (wanted.image, wanted.teller);
        let tail = format!("blobs/{}", wanted.layer.digest);
        let mut call = Call::get(self.endpoint(image, &tail, teller)?);
        if partial.bytes() > 0 {
            let range = format!("bytes={}-", partial.bytes());
            let range = HeaderValue::try_from(range).expect("digits and a dash are a header");
            call.headers.insert(RANGE, range);
        }
        let answer = match self.call(image, teller, &call).await {
            Ok(answer) => answer,
            Err(RegistryError::Refused { status, .. })
                if status == StatusCode::RANGE_NOT_SATISFIABLE && partial.bytes() > 0 =>
            {
                let path = partial.path().to_owned();
                partial.restart().map_err(|error| disk(&path, error))?;
                let short = unreachable(image.registry(), teller, ConnectError::Short);
                return Ok((partial, Some(short)));
            }
            Err(error) if error.is_transient() => return Ok((partial, Some(error))),
            Err(error) => return Err(error),
        };
        let is_continued = answer.status == StatusCode::PARTIAL_CONTENT
            && continues_at(&answer) == Some(partial.bytes());
        if !is_continued && partial.bytes() > 0 {
            let path = partial.path().to_owned();
            partial.restart().map_err(|error| disk(&path, error))?;
        }
        self.receive(wanted, partial, answer).await
    }

    /// Writes what comes, on a thread for blocking work, which alone touches the file.
    async fn receive(
        &self,
        wanted: &Wanted<'_>,
        partial: Partial,
        mut answer: Answer,
    ) -> Result<(Partial, Option<RegistryError>), RegistryError> {
        let path = partial.path().to_owned();
        let (total, mut bytes) = (wanted.layer.bytes, partial.bytes());
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        let writer = task::spawn_blocking(move || write(partial, receiver));
        let host = host_of(&answer.url);
        let failure = loop {
            wanted.teller.tell(Step::Downloading { bytes, total });
            match answer.chunk().await {
                Ok(None) => break (bytes < total).then_some(ConnectError::Short),
                Ok(Some(piece)) => {
                    // One byte beyond the end is enough to see that it is something else.
                    let room = usize::try_from(total - bytes).unwrap_or(usize::MAX);
                    let piece = piece.slice(..piece.len().min(room.saturating_add(1)));
                    bytes += piece.len() as u64;
                    if sender.send(piece).await.is_err() || bytes > total {
                        break None;
                    }
                }
                Err(error) => break Some(error),
            }
        };
        drop(sender);
        let written = writer
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        let partial = written.map_err(|error| disk(&path, error))?;
        let failure = failure.map(|source| match source {
            source if bytes > 0 => RegistryError::Interrupted {
                reference: wanted.teller.reference.to_string(),
                digest: wanted.layer.digest,
                bytes,
                total,
                source,
            },
            source => unreachable(&host, wanted.teller, source),
        });
        Ok((partial, failure))
    }
}

fn write(mut partial: Partial, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<Partial> {
    while let Some(piece) = pieces.blocking_recv() {
        partial.append(&piece)?;
    }
    Ok(partial)
}

/// Where the part begins that an answer carries.
fn continues_at(answer: &Answer) -> Option<u64> {
    let range = answer.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}

pub(crate) fn disk(path: &Path, source: io::Error) -> RegistryError {
    RegistryError::Disk {
        path: path.to_owned(),
        source: Arc::new(source),
    }
}
