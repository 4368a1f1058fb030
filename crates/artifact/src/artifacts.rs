//! Fetching components and providers, wherever they are.

mod executable;
mod flight;
mod join;
mod pull;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task;
use weft_model::digest::Digest;
use weft_model::reference::{Location, Reference};

use crate::claims::{self, Claims};
use crate::error::FetchError;
use crate::par::Target;
use crate::progress::{Progress, Step, Teller};
use crate::registry::{
    Client, Credential, Image, Kind, PushOptions, Pushed, RegistryError, Unsuitable,
};
use crate::store::{Artifact, EXECUTABLES_DIR, INDEX_DIR, Options, PARTIAL_DIR, Store};

use flight::Flights;
use pull::Pulled;

/// What is done on threads for blocking work at once: reading, hashing, unpacking.
const BLOCKING_MAX: usize = 8;
const LOCKS_DIR: &str = "locks";

/// Fetches artifacts from files and registries. Cheap to clone; all clones share one cache, and processes with the same
/// directory do as well.
#[derive(Clone)]
pub struct Artifacts {
    inner: Arc<Inner>,
}

/// A component that was fetched.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its bytes, and their digest.
    pub artifact: Artifact,
    /// Its claims, verified; `None` when it is not signed.
    pub claims: Option<Claims>,
    /// The digest of the manifest that the reference means, where it comes from a registry.
    pub manifest: Option<Digest>,
    /// Whether the registry could not be asked, and this is what the reference meant last time.
    pub is_stale: bool,
}

/// The executable of a provider, unpacked.
///
/// A start that fails because the file is busy (`ETXTBSY`) is worth another try: a process that was forked at the wrong
/// moment still holds it open for writing.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Where it is, in the cache; ask again before each start: it may have been evicted.
    pub path: PathBuf,
    /// The digest of the executable.
    pub digest: Digest,
    /// The digest of the archive.
    pub archive: Digest,
    /// The claims of the archive, verified.
    pub claims: Claims,
    /// Whether the registry could not be asked, and this is what the reference meant last time.
    pub is_stale: bool,
}

/// What was pulled, whatever it is. It is in the cache, from where it may be removed at any time.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest, which was verified.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// The digest of the manifest that the reference means.
    pub manifest: Digest,
    /// Whether the registry could not be asked, and this is what the reference meant last time.
    pub is_stale: bool,
    /// Whether nothing had to be downloaded.
    pub is_cached: bool,
}

struct Inner {
    store: Store,
    dir: PathBuf,
    client: Client,
    pulls: Semaphore,
    blocking: Semaphore,
    flights: Flights,
    /// The cache of those that keep none.
    _temporary: Option<TempDir>,
}

// ===== impl Artifacts =====

impl Artifacts {
    /// Prepares the cache, and reads the certificates in the settings. Without `options.dir`, the cache lives as long as
    /// the last clone. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`FetchError::Pull`] when the directory cannot be made or a file of certificates is unusable.
    pub fn open(options: Options) -> Result<Self, FetchError> {
        let client = Client::new(options.registry.clone())?;
        let (dir, temporary) = match &options.dir {
            Some(dir) => (dir.clone(), None),
            None => {
                let made = tempfile::Builder::new().prefix("weft-artifacts-").tempdir();
                let made = made.map_err(|error| pull::disk(&std::env::temp_dir(), error))?;
                (made.path().to_owned(), Some(made))
            }
        };
        for name in [EXECUTABLES_DIR, INDEX_DIR, LOCKS_DIR, PARTIAL_DIR] {
            let path = dir.join(name);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|error| pull::disk(&path, error))?;
        }
        let pulls = Semaphore::new(options.registry.pulls_max.max(1));
        let store = Store::new(Options {
            dir: Some(dir.clone()),
            ..options
        });
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                dir,
                client,
                pulls,
                blocking: Semaphore::new(BLOCKING_MAX),
                flights: Flights::default(),
                _temporary: temporary,
            }),
        })
    }

    /// The component that `reference` names, or that `expected` names if it is in the cache already, with its claims
    /// verified. A reference with a digest that is in the cache asks no registry. Cancellation safe: what was downloaded
    /// is kept.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; [`FetchError::Changed`] if there is something else than `expected`, [`FetchError::Claims`] if it
    /// is signed but not as it must be.
    pub async fn component(
        &self,
        reference: &Reference,
        expected: Option<Digest>,
        progress: Arc<dyn Progress>,
    ) -> Result<Component, FetchError> {
        let (artifact, pulled) = self.fetch_component(reference, expected, progress).await?;
        let bytes = artifact.bytes.clone();
        let claims = self
            .inner
            .run_blocking(move || claims::verify(&bytes, SystemTime::now()))
            .await
            .ok_or(FetchError::Interrupted)?;
        // What is no WebAssembly at all is for whoever compiles it to say.
        let claims = match claims {
            Err(claims::ClaimsError::NotWasm) if pulled.is_none() => None,
            claims => claims.map_err(|source| FetchError::Claims {
                reference: reference.to_string(),
                source,
            })?,
        };
        Ok(Component {
            artifact,
            claims,
            manifest: pulled.map(|pulled| pulled.manifest),
            is_stale: pulled.is_some_and(|pulled| pulled.is_stale),
        })
    }

    /// The executable for `target` of the provider that `reference` names, or whose archive `expected` names if that is in
    /// the cache already, with its claims verified. Cancellation safe.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; [`FetchError::Archive`] if it is not an archive that can be used, or has none for `target`,
    /// [`FetchError::Changed`] if there is another archive than `expected`.
    pub async fn provider(
        &self,
        reference: &Reference,
        expected: Option<Digest>,
        target: &Target,
        progress: Arc<dyn Progress>,
    ) -> Result<Executable, FetchError> {
        let name = match reference.location() {
            Location::File(_) => {
                let path = absolute(reference)?;
                let executable = self.unpack(reference, path, None, target).await?;
                return as_expected(reference, expected, executable);
            }
            Location::Registry(name) => name,
            Location::Builtin(_) => return Err(builtin(reference)),
        };
        let teller = teller(reference, progress);
        let image = self.inner.image(name, &teller)?;
        if let Some(kept) = expected.map(|digest| self.inner.blob(digest))
            && kept.exists()
        {
            // What is damaged there is removed when that is seen, and pulled.
            let executable = self.unpack(reference, kept, None, target).await;
            if let Ok(executable) = executable
                && Some(executable.archive) == expected
            {
                teller.tell(Step::Cached);
                return Ok(executable);
            }
        }
        let pull = async || {
            let pulled = self.inner.pull(&image, Kind::Provider, &teller).await?;
            let path = self.inner.blob(pulled.layer.digest);
            self.unpack(reference, path, Some(pulled), target).await
        };
        let executable = match pull().await {
            // The archive was damaged in the cache, or evicted meanwhile: it is gone from there now.
            Err(FetchError::Changed { .. } | FetchError::Missing { .. }) => pull().await,
            done => done,
        }?;
        as_expected(reference, expected, executable)
    }

    /// Pulls what `reference` means in its registry, a component or a provider archive, into the cache. Claims are not
    /// looked at. Cancellation safe: what was downloaded is kept.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; [`FetchError::Builtin`] when the reference is not to a registry.
    pub async fn download(
        &self,
        reference: &Reference,
        progress: Arc<dyn Progress>,
    ) -> Result<Download, FetchError> {
        let Location::Registry(name) = reference.location() else {
            return Err(builtin(reference));
        };
        let teller = teller(reference, progress);
        let image = self.inner.image(name, &teller)?;
        let mut pulled = self.inner.pull(&image, Kind::Any, &teller).await?;
        if !self.is_intact(pulled.layer.digest).await {
            pulled = self.inner.pull(&image, Kind::Any, &teller).await?;
        }
        Ok(Download {
            path: self.inner.blob(pulled.layer.digest),
            digest: pulled.layer.digest,
            bytes: pulled.layer.bytes,
            manifest: pulled.manifest,
            is_stale: pulled.is_stale,
            is_cached: pulled.is_cached,
        })
    }

    /// Whether what is cached under `digest` has it; it is removed otherwise.
    async fn is_intact(&self, digest: Digest) -> bool {
        let path = self.inner.blob(digest);
        let checked = self
            .inner
            .run_blocking(move || executable::is_intact(&path, digest));
        checked.await.unwrap_or(false)
    }

    /// Pushes a component or provider archive, whichever `bytes` are, to the registry that `reference` names.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; [`FetchError::Pull`] with what the registry says.
    pub async fn push(
        &self,
        reference: &Reference,
        bytes: Bytes,
        options: &PushOptions,
        progress: Arc<dyn Progress>,
    ) -> Result<Pushed, FetchError> {
        let Location::Registry(name) = reference.location() else {
            return Err(builtin(reference));
        };
        let teller = teller(reference, progress);
        let image = self.inner.image(name, &teller)?;
        Ok(self
            .inner
            .client
            .push(&image, bytes, options, &teller)
            .await?)
    }

    /// Takes up credentials by registry, as clients and the config service of the lattice give them (spec §1.3, §1.5).
    /// They go before those of the settings.
    pub fn put_credentials(&self, credentials: BTreeMap<String, Credential>) {
        self.inner.client.put_credentials(credentials);
    }

    async fn unpack(
        &self,
        reference: &Reference,
        path: PathBuf,
        pulled: Option<Pulled>,
        target: &Target,
    ) -> Result<Executable, FetchError> {
        let (inner, target, text) = (self.inner.clone(), target.clone(), reference.to_string());
        let work = move || executable::unpack(&inner, &text, &path, pulled.as_ref(), &target);
        let unpacked = self.inner.run_blocking(work).await;
        unpacked.ok_or(FetchError::Interrupted)?
    }

    async fn fetch_component(
        &self,
        reference: &Reference,
        expected: Option<Digest>,
        progress: Arc<dyn Progress>,
    ) -> Result<(Artifact, Option<Pulled>), FetchError> {
        let name = match reference.location() {
            Location::Registry(name) => name,
            Location::File(_) => {
                let path = absolute(reference)?;
                let (store, reference) = (self.inner.store.clone(), reference.clone());
                let read = self
                    .inner
                    .run_blocking(move || store.fetch_file(&path, &reference, expected))
                    .await;
                return Ok((read.ok_or(FetchError::Interrupted)??, None));
            }
            Location::Builtin(_) => return Err(builtin(reference)),
        };
        let teller = teller(reference, progress);
        let image = self.inner.image(name, &teller)?;
        if let Some(expected) = expected
            && let Some(artifact) = self.inner.load(expected).await?
        {
            return Ok((artifact, None));
        }
        let (artifact, pulled) = self.inner.pull_bytes(&image, &teller).await?;
        match expected {
            Some(expected) if expected != artifact.digest => Err(FetchError::Changed {
                reference: reference.to_string(),
                expected,
                found: artifact.digest,
            }),
            _ if !artifact.bytes.starts_with(b"\0asm") => {
                Err(FetchError::Pull(RegistryError::Unsuitable {
                    reference: reference.to_string(),
                    source: Unsuitable::Content {
                        wanted: Kind::Component.name(),
                    },
                }))
            }
            _ => Ok((artifact, Some(pulled))),
        }
    }
}

// ===== impl Inner =====

impl Inner {
    /// The image, if it may be pulled.
    fn image(&self, name: &str, teller: &Teller) -> Result<Image, RegistryError> {
        let image = Image::parse(name).map_err(|source| RegistryError::Name {
            reference: teller.reference.to_string(),
            source,
        })?;
        if image.is_latest() && !self.client.options().allows_latest {
            return Err(RegistryError::Latest {
                reference: teller.reference.to_string(),
            });
        }
        Ok(image)
    }

    /// Where a blob is kept.
    fn blob(&self, digest: Digest) -> PathBuf {
        self.store
            .path(digest)
            .unwrap_or_else(|| self.dir.join(digest.to_hex()))
    }

    async fn load(&self, digest: Digest) -> Result<Option<Artifact>, FetchError> {
        let store = self.store.clone();
        let loaded = self.run_blocking(move || store.load(digest)).await;
        loaded.ok_or(FetchError::Interrupted)
    }

    /// Runs blocking work; `None` when the process shuts down.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // The semaphore is never closed.
        let _permit = self.blocking.acquire().await.ok()?;
        task::spawn_blocking(work).await.ok()
    }
}

/// `executable`, if it comes from the archive that is expected.
fn as_expected(
    reference: &Reference,
    expected: Option<Digest>,
    executable: Executable,
) -> Result<Executable, FetchError> {
    match expected {
        Some(expected) if expected != executable.archive => Err(FetchError::Changed {
            reference: reference.to_string(),
            expected,
            found: executable.archive,
        }),
        _ => Ok(executable),
    }
}

fn teller(reference: &Reference, progress: Arc<dyn Progress>) -> Teller {
    Teller {
        reference: reference.as_str().into(),
        progress,
    }
}

fn absolute(reference: &Reference) -> Result<PathBuf, FetchError> {
    let Location::File(path) = reference.location() else {
        return Err(builtin(reference));
    };
    if Path::new(path).is_absolute() {
        return Ok(PathBuf::from(path));
    }
    Err(FetchError::Relative { path: path.clone() })
}

fn builtin(reference: &Reference) -> FetchError {
    FetchError::Builtin {
        reference: reference.to_string(),
    }
}

/// Marks a file as used; without it the file only looks older than it is.
fn touch(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.set_modified(SystemTime::now())
}
