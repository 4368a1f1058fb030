//! From the image of a provider to a program that can be run.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tokio::task;
use ulid::Ulid;
use weft_artifact::FetchError;
use weft_model::digest::Digest;
use weft_model::problem::Problem;
use weft_model::reference::{Location, Reference};
use weft_protocol::event::ProviderClaims;

use crate::error::Refusal;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 256 << 10;
/// Bytes by which archives are told from programs.
const HEAD_BYTES: usize = 512;
/// How gzip begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What stands in the head of a tar archive, and where.
const TAR_MAGIC: &[u8] = b"ustar";
const TAR_MAGIC_OFFSET: usize = 257;

/// A program to run. Cheap to clone; it is kept while there are clones.
#[derive(Clone, Debug)]
pub(crate) struct Executable {
    path: Arc<PathBuf>,
    /// What its publisher signed; `None` for a plain program.
    pub(crate) claims: Option<ProviderClaims>,
}

/// Finds programs, and keeps copies of them: what runs stays what it was, whatever becomes of the file that it came from.
#[derive(Clone, Debug)]
pub(crate) struct Executables {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Private to its owner.
    dir: PathBuf,
    bytes_max: u64,
    kept_bytes_max: u64,
    /// Those that somebody may run.
    used: Mutex<BTreeMap<PathBuf, Weak<PathBuf>>>,
}

// ===== impl Executable =====

impl Executable {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

// ===== impl Executables =====

impl Executables {
    /// Keeps up to `kept_bytes_max` in `dir`, beside what is in use, each of up to `bytes_max`.
    pub(crate) fn new(dir: PathBuf, bytes_max: u64, kept_bytes_max: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                dir,
                bytes_max,
                kept_bytes_max,
                used: Mutex::default(),
            }),
        }
    }

    /// The program of `image`, which has the digest `expected` where that is known. Works on a thread for blocking work.
    /// Cancellation safe.
    ///
    /// # Errors
    ///
    /// The problem of [`FetchError`] or [`Refusal`].
    pub(crate) async fn find(
        &self,
        image: &Reference,
        expected: Option<Digest>,
    ) -> Result<Executable, Problem> {
        let Location::File(path) = image.location() else {
            let reference = image.to_string();
            return Err(Problem::new(&Refusal::ProviderImage { reference }));
        };
        let path = PathBuf::from(path);
        if !path.is_absolute() {
            let path = path.display().to_string();
            return Err(Problem::new(&FetchError::Relative { path }));
        }
        let (inner, image) = (Arc::clone(&self.inner), image.clone());
        let found = task::spawn_blocking(move || inner.find_file(&path, &image, expected)).await;
        found.unwrap_or_else(|_| Err(Problem::new(&FetchError::Interrupted)))
    }
}

// ===== impl Inner =====

impl Inner {
    fn find_file(
        &self,
        path: &Path,
        image: &Reference,
        expected: Option<Digest>,
    ) -> Result<Executable, Problem> {
        if let Some(kept) = expected.and_then(|digest| self.kept(digest)) {
            return Ok(kept);
        }
        let (copy, digest) = self.copy(path)?;
        let found = match expected {
            Some(expected) if expected != digest => Err(Problem::new(&FetchError::Changed {
                reference: image.to_string(),
                expected,
                found: digest,
            })),
            _ => self.keep(&copy, digest),
        };
        // It is not there any more where all went well.
        drop(fs::remove_file(copy));
        found
    }

    /// The program with this digest, if there is a copy of it that is whole.
    fn kept(&self, digest: Digest) -> Option<Executable> {
        let path = self.path(digest);
        let mut file = File::open(&path).ok()?;
        let found = copy_hashed(&mut file, &mut io::sink(), self.bytes_max).ok()?;
        if found != Copied::Whole(digest) {
            tracing::warn!(path = %path.display(), "Removed a damaged copy of a provider");
            drop(fs::remove_file(&path));
            return None;
        }
        // Marks it as used; without it the copy only looks older than it is.
        drop(file.set_modified(SystemTime::now()));
        Some(self.used(path))
    }

    /// Copies the program at `path`; gives the copy, and its digest.
    fn copy(&self, path: &Path) -> Result<(PathBuf, Digest), Problem> {
        let unreadable = |source: io::Error| {
            let path = path.to_owned();
            Problem::new(&match source.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => FetchError::Missing { path },
                _ => FetchError::Unreadable {
                    path,
                    source: Arc::new(source),
                },
            })
        };
        // Asked before opening: opening a pipe would wait for a writer.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            let path = path.to_owned();
            return Err(Problem::new(&FetchError::NotAFile { path }));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let too_large = || {
            Problem::new(&FetchError::TooLarge {
                path: path.to_owned(),
                bytes,
                bytes_max: self.bytes_max,
            })
        };
        if bytes > self.bytes_max {
            return Err(too_large());
        }
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut file)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(unreadable)?;
        if is_archive(&head) {
            let path = path.display().to_string();
            return Err(Problem::new(&Refusal::ProviderArchive { path }));
        }
        let unwritable = |error: io::Error| {
            Problem::new(&Refusal::Executable {
                path: self.dir.display().to_string(),
                reason: error.to_string(),
            })
        };
        let (copy, mut to) = self.create().map_err(unwritable)?;
        let mut from = head.as_slice().chain(file);
        let copied = copy_hashed(&mut from, &mut to, self.bytes_max);
        match copied {
            Ok(Copied::Whole(digest)) => Ok((copy, digest)),
            other => {
                drop(fs::remove_file(copy));
                Err(match other {
                    Ok(_) => too_large(),
                    Err(CopyError::Read(error)) => unreadable(error),
                    Err(CopyError::Write(error)) => unwritable(error),
                })
            }
        }
    }

    /// A new file that can be run once it is written.
    fn create(&self) -> io::Result<(PathBuf, File)> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)?;
        let path = self.dir.join(format!("{}.tmp", Ulid::generate()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(&path)?;
        Ok((path, file))
    }

    /// Puts `copy` in its place.
    fn keep(&self, copy: &Path, digest: Digest) -> Result<Executable, Problem> {
        let path = self.path(digest);
        // Known before it is there, so that it is not taken for one that nobody uses.
        let executable = self.used(path);
        let kept = fs::rename(copy, executable.path()).and_then(|()| self.evict());
        match kept {
            Ok(()) => Ok(executable),
            Err(error) => Err(Problem::new(&Refusal::Executable {
                path: executable.path().display().to_string(),
                reason: error.to_string(),
            })),
        }
    }

    fn used(&self, path: PathBuf) -> Executable {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, path| path.strong_count() > 0);
        let known = used.get(&path).and_then(Weak::upgrade);
        let path = known.unwrap_or_else(|| {
            let shared = Arc::new(path.clone());
            used.insert(path, Arc::downgrade(&shared));
            shared
        });
        Executable { path, claims: None }
    }

    /// Removes the copies that were not used for longest until the rest fits, but none that somebody may run.
    fn evict(&self) -> io::Result<()> {
        let mut copies = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Others write, rename and remove files here at the same time.
            if let Ok(metadata) = entry.metadata() {
                copies.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        let mut total: u64 = copies.iter().map(|(_, bytes, _)| bytes).sum();
        copies.sort();
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, bytes, path) in copies {
            if total <= self.kept_bytes_max {
                break;
            }
            let is_used = used.get(&path).is_some_and(|path| path.strong_count() > 0);
            if !is_used && path.extension().is_none() && fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(format!("sha256-{}", digest.to_hex()))
    }
}

/// Whether a file that begins with `head` holds other files.
fn is_archive(head: &[u8]) -> bool {
    let tar = head.get(TAR_MAGIC_OFFSET..).unwrap_or_default();
    head.starts_with(&GZIP_MAGIC) || tar.starts_with(TAR_MAGIC)
}

/// What was copied.
#[derive(Debug, Eq, PartialEq)]
enum Copied {
    /// All, and its digest.
    Whole(Digest),
    /// There is more than may be.
    TooLarge,
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Copies up to `bytes_max`.
fn copy_hashed(
    from: &mut impl Read,
    to: &mut impl Write,
    bytes_max: u64,
) -> Result<Copied, CopyError> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    let mut total = 0;
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => return Ok(Copied::Whole(Digest::from_bytes(hash.finalize().into()))),
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        total += length as u64;
        if total > bytes_max {
            return Ok(Copied::TooLarge);
        }
        hash.update(&buffer[..length]);
        to.write_all(&buffer[..length]).map_err(CopyError::Write)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(path: &Path) -> Reference {
        format!("file://{}", path.display()).parse().unwrap()
    }

    #[tokio::test]
    async fn what_runs_stays_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let executables = Executables::new(dir.path().join("kept"), 1 << 20, 15);
        let path = dir.path().join("provider");
        let image = reference(&path);
        fs::write(&path, "#!/bin/a").unwrap();
        let digest = weft_artifact::digest(b"#!/bin/a");
        let first = executables.find(&image, Some(digest)).await.unwrap();
        fs::write(&path, "#!/bin/b").unwrap();
        let again = executables.find(&image, Some(digest)).await.unwrap();
        assert_eq!(first.path(), again.path());
        assert_eq!(fs::read(first.path()).unwrap(), b"#!/bin/a");
        let other = executables.find(&image, None).await.unwrap();
        assert_eq!(fs::read(other.path()).unwrap(), b"#!/bin/b");

        // Both are more than is kept, but in use. Then the older one goes with the next.
        drop((first, again));
        fs::write(&path, "#!/bin/c").unwrap();
        let last = executables.find(&image, None).await.unwrap();
        assert!(other.path().is_file() && last.path().is_file());
        let problem = executables.find(&image, Some(digest)).await.unwrap_err();
        assert_eq!(problem.code, "ART005");
        assert_eq!(fs::read_dir(dir.path().join("kept")).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_is_no_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let executables = Executables::new(dir.path().join("kept"), 600, 1 << 20);
        let check = async |image: &Reference, code: &str| {
            let problem = executables.find(image, None).await.unwrap_err();
            assert_eq!(problem.code, code, "{problem}");
        };
        let path = dir.path().join("provider");
        let image = reference(&path);
        check(&image, "ART001").await;
        check(&reference(dir.path()), "ART002").await;
        check(&"file://provider".parse().unwrap(), "ART004").await;
        check(&"ghcr.io/a/b:1".parse().unwrap(), "PRV001").await;
        fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        check(&image, "PRV010").await;
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        fs::write(&path, tar).unwrap();
        check(&image, "PRV010").await;
        fs::write(&path, vec![b'x'; 601]).unwrap();
        check(&image, "ART003").await;
    }
}
