//! Artifacts on disk, by content.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use ulid::Ulid;
use weft_model::digest::Digest;
use weft_model::reference::Reference;

use crate::error::FetchError;
use crate::{par, registry};

/// Directories beside the artifacts: what else is kept, and counts towards the size.
pub(crate) const EXECUTABLES_DIR: &str = "executables";
pub(crate) const INDEX_DIR: &str = "index";
pub(crate) const PARTIAL_DIR: &str = "partial";
/// What a small file takes up.
const BLOCK_BYTES: u64 = 4096;

/// Settings of [`crate::Artifacts`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory for artifacts whose digest is known; created private to its owner. `None` keeps none.
    pub dir: Option<PathBuf>,
    /// Bytes kept in `dir`; the least recently used artifacts go first.
    pub store_bytes_max: u64,
    /// Bytes of one artifact.
    pub artifact_bytes_max: u64,
    /// Bytes of one provider archive, which holds an executable for each platform.
    pub archive_bytes_max: u64,
    /// What provider archives may hold.
    pub archive: par::Limits,
    /// How registries are spoken to.
    pub registry: registry::Options,
}

/// Artifacts that are kept, by their digests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    options: Arc<Options>,
}

/// The bytes of an artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its content.
    pub bytes: Bytes,
    /// The digest of its content.
    pub digest: Digest,
}

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: None,
            store_bytes_max: 2 << 30,
            artifact_bytes_max: 64 << 20,
            archive_bytes_max: 512 << 20,
            archive: par::Limits::default(),
            registry: registry::Options::default(),
        }
    }
}

// ===== impl Store =====

impl Store {
    /// A store with `options`; nothing is read or made yet.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options: Arc::new(options),
        }
    }

    /// The file at `path`, which `reference` names, or what `expected` names if it is in the store already. Blocks on the
    /// disk.
    ///
    /// # Errors
    ///
    /// [`FetchError`]; [`FetchError::Changed`] if there is something else than `expected`.
    pub(crate) fn fetch_file(
        &self,
        path: &Path,
        reference: &Reference,
        expected: Option<Digest>,
    ) -> Result<Artifact, FetchError> {
        if let Some(kept) = expected.and_then(|digest| self.load(digest)) {
            return Ok(kept);
        }
        let bytes = read_bounded(path, self.options.artifact_bytes_max)?;
        let digest = crate::digest(&bytes);
        match expected {
            Some(expected) if expected != digest => Err(FetchError::Changed {
                reference: reference.to_string(),
                expected,
                found: digest,
            }),
            Some(_) => {
                self.keep(digest, &bytes);
                Ok(Artifact { bytes, digest })
            }
            None => Ok(Artifact { bytes, digest }),
        }
    }

    /// The artifact with `digest`, if it is kept and still has it.
    pub(crate) fn load(&self, digest: Digest) -> Option<Artifact> {
        let path = self.path(digest)?;
        let bytes = read_bounded(&path, self.options.artifact_bytes_max).ok()?;
        if crate::digest(&bytes) != digest {
            tracing::warn!(path = %path.display(), "Removed a damaged artifact from the store");
            drop(fs::remove_file(&path));
            return None;
        }
        // Marks it as used; without it the artifact only looks older than it is.
        drop(File::open(&path).and_then(|file| file.set_modified(SystemTime::now())));
        Some(Artifact { bytes, digest })
    }

    /// Keeps an artifact. A failure costs only that the file is needed again.
    pub(crate) fn keep(&self, digest: Digest, bytes: &[u8]) {
        let Some(path) = self.path(digest) else {
            return;
        };
        let kept = self.write(&path, bytes).and_then(|()| self.evict(&path));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), error = %error, "Cannot keep an artifact in the store");
        }
    }

    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(dir) = &self.options.dir {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        // A name of its own for each write: the same artifact may be fetched twice at once.
        let temporary = path.with_extension(format!("{}.tmp", Ulid::generate()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_data())
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    /// Removes what was not used for longest until the rest fits, but not what was just `kept`.
    pub(crate) fn evict(&self, kept: &Path) -> io::Result<()> {
        let Some(dir) = &self.options.dir else {
            return Ok(());
        };
        let mut files = list_files(dir, 0)?;
        for (name, bytes_min) in [
            (EXECUTABLES_DIR, 0),
            (PARTIAL_DIR, 0),
            (INDEX_DIR, BLOCK_BYTES),
        ] {
            files.extend(list_files(&dir.join(name), bytes_min)?);
        }
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        files.sort();
        for (_, bytes, path) in files {
            if total <= self.options.store_bytes_max {
                break;
            }
            if path != kept {
                unless_gone(fs::remove_file(path))?;
                total -= bytes;
            }
        }
        Ok(())
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Where the artifact with `digest` is kept, if any is.
    pub(crate) fn path(&self, digest: Digest) -> Option<PathBuf> {
        let dir = self.options.dir.as_ref()?;
        Some(dir.join(format!("sha256-{}", digest.to_hex())))
    }
}

/// The files in a directory, as (last used, bytes, path); none when there is no such directory.
fn list_files(dir: &Path, bytes_min: u64) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut files = Vec::new();
    let Some(entries) = unless_gone(fs::read_dir(dir))? else {
        return Ok(files);
    };
    for entry in entries {
        let entry = entry?;
        // Others write, rename and remove files here at the same time.
        if let Some(metadata) = unless_gone(entry.metadata())?
            && metadata.is_file()
        {
            let bytes = metadata.len().max(bytes_min);
            files.push((metadata.modified()?, bytes, entry.path()));
        }
    }
    Ok(files)
}

/// `None` when the file is not there any more.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Reads a regular file of at most `bytes_max`.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> Result<Bytes, FetchError> {
    let file = open_bounded(path, bytes_max)?;
    let length = file
        .metadata()
        .map_err(|error| unreadable(path, error))?
        .len();
    let mut bytes = Vec::with_capacity(usize::try_from(length.min(bytes_max)).unwrap_or(0));
    // The file may grow while it is read.
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(path, bytes.len() as u64, bytes_max));
    }
    Ok(bytes.into())
}

/// Opens a regular file that has at most `bytes_max` now.
pub(crate) fn open_bounded(path: &Path, bytes_max: u64) -> Result<File, FetchError> {
    // Asked before opening: opening a pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        return Err(FetchError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let length = file
        .metadata()
        .map_err(|error| unreadable(path, error))?
        .len();
    if length > bytes_max {
        return Err(too_large(path, length, bytes_max));
    }
    Ok(file)
}

fn too_large(path: &Path, bytes: u64, bytes_max: u64) -> FetchError {
    FetchError::TooLarge {
        path: path.to_owned(),
        bytes,
        bytes_max,
    }
}

fn unreadable(path: &Path, source: io::Error) -> FetchError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FetchError::Missing {
            path: path.to_owned(),
        },
        _ => FetchError::Unreadable {
            path: path.to_owned(),
            source: Arc::new(source),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path) -> Store {
        Store::new(Options {
            dir: Some(dir.join("store")),
            ..Options::default()
        })
    }

    fn fetch(store: &Store, path: &Path, expected: Option<Digest>) -> Result<Artifact, FetchError> {
        let reference = format!("file://{}", path.display()).parse().unwrap();
        store.fetch_file(path, &reference, expected)
    }

    #[test]
    fn what_a_revision_was_made_of_outlives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let (store, path) = (store(dir.path()), dir.path().join("a.wasm"));
        fs::write(&path, "one").unwrap();
        let digest = crate::digest(b"one");
        let bytes = |expected| fetch(&store, &path, expected).unwrap().bytes;
        assert_eq!(bytes(Some(digest)), "one");
        fs::write(&path, "two").unwrap();
        assert_eq!(bytes(Some(digest)), "one");
        assert_eq!(bytes(None), "two");

        // A damaged copy is no copy.
        let kept = store.path(digest).unwrap();
        fs::write(&kept, "xxx").unwrap();
        assert!(matches!(
            fetch(&store, &path, Some(digest)),
            Err(FetchError::Changed { .. })
        ));
        assert!(!kept.exists());
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(matches!(
            fetch(&store, Path::new("/no/such/file"), None),
            Err(FetchError::Missing { .. })
        ));
        assert!(matches!(
            fetch(&store, dir.path(), None),
            Err(FetchError::NotAFile { .. })
        ));
    }

    #[test]
    fn writers_of_one_artifact_do_not_share_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let bytes = vec![b'x'; 1 << 20];
        let digest = crate::digest(&bytes);
        let path = store.path(digest).unwrap();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..16).try_for_each(|_| store.write(&path, &bytes))))
                .collect();
            for writer in writers {
                writer.join().unwrap().unwrap();
            }
        });
        assert_eq!(store.load(digest).unwrap().digest, digest);
        assert_eq!(fs::read_dir(dir.path().join("store")).unwrap().count(), 1);
    }

    #[test]
    fn the_store_stays_within_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(Options {
            dir: Some(dir.path().join("store")),
            store_bytes_max: 10,
            artifact_bytes_max: 8,
            ..Options::default()
        });
        let path = dir.path().join("a");
        for content in ["aaaaaa", "bbbbbb"] {
            fs::write(&path, content).unwrap();
            let digest = crate::digest(content.as_bytes());
            fetch(&store, &path, Some(digest)).unwrap();
        }
        assert_eq!(fs::read_dir(dir.path().join("store")).unwrap().count(), 1);
        fs::write(&path, "too long!").unwrap();
        assert!(matches!(
            fetch(&store, &path, None),
            Err(FetchError::TooLarge { bytes: 9, .. })
        ));
    }
}
