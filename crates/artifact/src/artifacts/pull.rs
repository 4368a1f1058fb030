//! Pulls: from a tag to a blob in the cache.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time;
use tracing::Instrument as _;
use weft_model::digest::Digest;
use weft_runtime::field;

use super::{Inner, LOCKS_DIR, touch};
use crate::error::FetchError;
use crate::partial::Partial;
use crate::progress::{Step, Teller};
pub(super) use crate::registry::disk;
use crate::registry::{Answered, Image, Kind, Layer, Manifest, RegistryError, Wanted};
use crate::store::{Artifact, INDEX_DIR, PARTIAL_DIR};

/// Attempts to resolve a tag while there is something cached to fall back to.
const ATTEMPTS_CACHED: u32 = 2;
/// How many indexes may lead to one another.
const INDEXES_MAX: usize = 2;
/// Hexadecimal digits of a digest that name its lock: that many files, however many blobs there are.
const LOCK_DIGITS: usize = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const LOCK_PAUSE_MAX: Duration = Duration::from_millis(500);

/// What a pull brought into the cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulled {
    pub(super) layer: Layer,
    pub(super) manifest: Digest,
    pub(super) is_stale: bool,
    /// Whether nothing had to be downloaded.
    pub(super) is_cached: bool,
}

impl Inner {
    /// The bytes of an image of a component.
    pub(super) async fn pull_bytes(
        &self,
        image: &Image,
        teller: &Teller,
    ) -> Result<(Artifact, Pulled), FetchError> {
        // Again once: what is in the cache may be damaged, and is removed when that is seen.
        for _ in 0..2 {
            let pulled = self.pull(image, Kind::Component, teller).await?;
            if let Some(artifact) = self.load(pulled.layer.digest).await? {
                return Ok((artifact, pulled));
            }
        }
        let gone = io::ErrorKind::NotFound.into();
        Err(disk(&self.dir, gone).into())
    }

    /// Sees to it that the cache has what `image` means: one pull for all who ask at the same time.
    pub(super) async fn pull(
        &self,
        image: &Image,
        kind: Kind,
        teller: &Teller,
    ) -> Result<Pulled, RegistryError> {
        let key = format!("{kind:?} {image}");
        let pull = Box::pin(self.pull_in_time(image, kind, teller));
        self.flights.join(&key, teller, pull).await
    }

    async fn pull_in_time(
        &self,
        image: &Image,
        kind: Kind,
        teller: &Teller,
    ) -> Result<Pulled, RegistryError> {
        let span = tracing::info_span!("pull", reference = &*teller.reference, kind = kind.name());
        async {
            let begun = Instant::now();
            if self.pulls.available_permits() == 0 {
                teller.tell(Step::Waiting);
            }
            // The semaphore is never closed.
            let _permit = self.pulls.acquire().await.ok();
            let timeout = self.client.options().pull_timeout;
            let pull = time::timeout(timeout, self.pull_now(image, kind, teller));
            let pulled = pull.await.unwrap_or_else(|_| {
                Err(RegistryError::Timeout {
                    reference: teller.reference.to_string(),
                    timeout,
                })
            })?;
            tracing::info!(
                reference = &*teller.reference,
                { field::ARTIFACT_DIGEST } = %pulled.layer.digest,
                bytes = pulled.layer.bytes,
                is_cached = pulled.is_cached,
                { field::ELAPSED_MS } = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                "Artifact pulled"
            );
            Ok(pulled)
        }
        .instrument(span)
        .await
    }

    async fn pull_now(
        &self,
        image: &Image,
        kind: Kind,
        teller: &Teller,
    ) -> Result<Pulled, RegistryError> {
        let (manifest, content, is_stale) = match image.digest() {
            Some(digest) => (digest, None, false),
            None => self.resolve(image, kind, teller).await?,
        };
        let layers = self
            .find_layers(image, manifest, content, kind, teller)
            .await?;
        let bytes_max = match kind {
            Kind::Component => self.store.options().artifact_bytes_max,
            Kind::Provider | Kind::Any => self.store.options().archive_bytes_max,
        };
        let bytes = layers
            .iter()
            .fold(0, |sum: u64, layer| sum.saturating_add(layer.bytes));
        if bytes > bytes_max {
            return Err(RegistryError::TooLarge {
                reference: teller.reference.to_string(),
                digest: layers.first().map_or(manifest, |layer| layer.digest),
                bytes,
                bytes_max,
            });
        }
        let (layer, is_cached) = self.ensure_layers(image, &layers, teller).await?;
        // Only now: what the index names, the cache has.
        if image.digest().is_none() && !is_stale {
            self.remember(image, manifest).await;
        }
        Ok(Pulled {
            layer,
            manifest,
            is_stale,
            is_cached,
        })
    }

    /// What the tag means now; what it meant last time when the registry cannot be asked and all of it is cached.
    async fn resolve(
        &self,
        image: &Image,
        kind: Kind,
        teller: &Teller,
    ) -> Result<(Digest, Option<Bytes>, bool), RegistryError> {
        teller.tell(Step::Resolving);
        let cached = self.recall(image, kind).await;
        let attempts_max = match cached {
            Some(_) => ATTEMPTS_CACHED.min(self.client.options().attempts_max),
            None => self.client.options().attempts_max,
        };
        match (
            self.client.resolve(image, teller, attempts_max).await,
            cached,
        ) {
            (Err(error), Some(digest)) if error.is_outage() => {
                tracing::warn!(
                    reference = &*teller.reference,
                    { field::ARTIFACT_DIGEST } = %digest,
                    { field::ERROR } = weft_model::problem::render_chain(&error),
                    "Used what is cached, the registry cannot be asked"
                );
                Ok((digest, None, true))
            }
            (resolved, _) => resolved.map(|(digest, manifest)| (digest, manifest, false)),
        }
    }

    /// Goes from a manifest, over indexes, to the layers of the content; what is not cached is fetched.
    async fn find_layers(
        &self,
        image: &Image,
        digest: Digest,
        mut content: Option<Bytes>,
        kind: Kind,
        teller: &Teller,
    ) -> Result<Vec<Layer>, RegistryError> {
        let unsuitable = |source| RegistryError::Unsuitable {
            reference: teller.reference.to_string(),
            source,
        };
        let malformed = || RegistryError::Answer {
            host: image.registry().to_owned(),
            reference: teller.reference.to_string(),
            problem: Answered::Malformed { what: "manifest" },
        };
        let mut digest = digest;
        for _ in 0..=INDEXES_MAX {
            let cached = match content {
                Some(_) => None,
                None => self.load_small(digest).await,
            };
            let is_new = cached.is_none();
            let json = match (cached, content.take()) {
                (Some(json), _) | (None, Some(json)) => json,
                (None, None) => self.client.manifest(image, digest, teller).await?,
            };
            let manifest = Manifest::parse(&json).ok_or_else(malformed)?;
            if is_new {
                let store = self.store.clone();
                self.run_blocking(move || store.keep(digest, &json)).await;
            }
            match manifest.choice(kind).map_err(unsuitable)? {
                Some(chosen) => digest = chosen,
                None => return manifest.layers(kind).map_err(unsuitable),
            }
        }
        Err(malformed())
    }

    /// What the tag meant last time, if all of it is still cached.
    async fn recall(&self, image: &Image, kind: Kind) -> Option<Digest> {
        let path = self.index(image);
        let known = self.run_blocking(move || {
            let text = crate::read_file(&path, 1024).ok()?;
            drop(touch(&path));
            str::from_utf8(&text).ok()?.trim().parse::<Digest>().ok()
        });
        let known = known.await??;
        let mut digest = known;
        for _ in 0..=INDEXES_MAX {
            let manifest = Manifest::parse(&self.load_small(digest).await?)?;
            match manifest.choice(kind).ok()? {
                Some(chosen) => digest = chosen,
                None => {
                    for layer in manifest.layers(kind).ok()? {
                        if !self.has(layer).await {
                            return None;
                        }
                    }
                    return Some(known);
                }
            }
        }
        None
    }

    async fn remember(&self, image: &Image, digest: Digest) {
        let (path, store) = (self.index(image), self.store.clone());
        let written = self.run_blocking(move || store.write(&path, digest.to_string().as_bytes()));
        if let Some(Err(error)) = written.await {
            tracing::warn!(error = %error, "Cannot remember what a tag means");
        }
    }

    fn index(&self, image: &Image) -> PathBuf {
        let name = crate::digest(image.to_string().as_bytes()).to_hex();
        self.dir.join(INDEX_DIR).join(name)
    }

    async fn load_small(&self, digest: Digest) -> Option<Bytes> {
        Some(self.load(digest).await.ok()??.bytes)
    }

    /// Whether the blob is there, by its size. Its content is verified by whoever reads it.
    async fn has(&self, layer: Layer) -> bool {
        let path = self.blob(layer.digest);
        let is_there = self.run_blocking(move || {
            let metadata = std::fs::metadata(&path).ok()?;
            (metadata.len() == layer.bytes).then(|| drop(touch(&path)))
        });
        is_there.await.flatten().is_some()
    }

    /// Downloads a blob that is not there. Of several processes, and of tasks that pull different images with the same
    /// layer, one does. Returns whether it was there.
    pub(super) async fn ensure_blob(&self, wanted: &Wanted<'_>) -> Result<bool, RegistryError> {
        let (layer, teller) = (wanted.layer, wanted.teller);
        if self.has(layer).await {
            teller.tell(Step::Cached);
            return Ok(true);
        }
        let lock = self.lock(layer.digest, teller).await?;
        if self.has(layer).await {
            teller.tell(Step::Cached);
            return Ok(true);
        }
        let path = self.dir.join(PARTIAL_DIR).join(layer.digest.to_hex());
        let opened = {
            let path = path.clone();
            self.run_blocking(move || Partial::open(&path, lock, layer.bytes))
                .await
        };
        let partial = finish(opened).map_err(|error| disk(&path, error))?;
        let partial = self.client.download(wanted, partial).await?;
        let (to, store) = (self.blob(layer.digest), self.store.clone());
        let committed = self.run_blocking(move || {
            partial.commit(&to)?;
            // What is too much is removed next time otherwise.
            if let Err(error) = store.evict(&to) {
                tracing::warn!(error = %error, "Cannot remove old artifacts from the cache");
            }
            Ok(())
        });
        finish(committed.await).map_err(|error| disk(&path, error))?;
        teller.tell(Step::Done);
        Ok(false)
    }

    /// Waits until no other process, and no other task here, downloads the blob.
    async fn lock(&self, digest: Digest, teller: &Teller) -> Result<File, RegistryError> {
        let path = self
            .dir
            .join(LOCKS_DIR)
            .join(&digest.to_hex()[..LOCK_DIGITS]);
        let mut pause = LOCK_PAUSE;
        loop {
            let attempt = {
                let path = path.clone();
                self.run_blocking(move || try_lock(&path)).await
            };
            if let Some(lock) = finish(attempt).map_err(|error| disk(&path, error))? {
                return Ok(lock);
            }
            if pause == LOCK_PAUSE {
                teller.tell(Step::Waiting);
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(LOCK_PAUSE_MAX);
        }
    }
}

/// The lock, or `None` when somebody else has it.
fn try_lock(path: &std::path::Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn finish<T>(done: Option<io::Result<T>>) -> io::Result<T> {
    done.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
}
