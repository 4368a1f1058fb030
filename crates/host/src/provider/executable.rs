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
use weft_artifact::claims::Claims;
use weft_artifact::par::{self, Limits, Target};
use weft_artifact::progress::Progress;
use weft_artifact::{Artifacts, FetchError};
use weft_model::digest::Digest;
use weft_model::problem::Problem;
use weft_model::reference::{Location, Reference};

use crate::error::Refusal;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 256 << 10;
/// Bytes by which archives are told from programs.
const HEAD_BYTES: usize = 512;

/// A program to run. Cheap to clone; it is kept while there are clones.
#[derive(Clone, Debug)]
pub(crate) struct Executable {
    path: Arc<PathBuf>,
    /// What its publisher signed; `None` for a plain program.
    pub(crate) claims: Option<Arc<Claims>>,
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

/// A copy of a program that has no place yet.
struct Copy {
    path: PathBuf,
    /// The digest of the program.
    program: Digest,
    /// The digest of the file that it comes from.
    file: Digest,
    claims: Option<Arc<Claims>>,
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

    /// The program of `image`, which is in a registry, and whose archive has the digest `expected` where that is known.
    /// Cancellation safe: what was downloaded is kept.
    ///
    /// # Errors
    ///
    /// The problem of [`FetchError`] or [`Refusal`].
    pub(crate) async fn pull(
        &self,
        artifacts: &Artifacts,
        image: &Reference,
        expected: Option<Digest>,
        progress: Arc<dyn Progress>,
    ) -> Result<Executable, Problem> {
        let target = Target::current();
        let pulled = artifacts.provider(image, expected, &target, progress).await;
        let pulled = pulled.map_err(|error| Problem::new(&error))?;
        let inner = Arc::clone(&self.inner);
        let adopted = task::spawn_blocking(move || inner.adopt(&pulled)).await;
        adopted.unwrap_or_else(|_| Err(Problem::new(&FetchError::Interrupted)))
    }

    /// The program of `image`, a file, which has the digest `expected` where that is known. Works on a thread for blocking work.
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
        let copy = self.copy(path)?;
        let found = match expected {
            Some(expected) if expected != copy.file => Err(Problem::new(&FetchError::Changed {
                reference: image.to_string(),
                expected,
                found: copy.file,
            })),
            _ => self.keep(&copy),
        };
        // It is not there any more where all went well.
        drop(fs::remove_file(copy.path));
        found
    }

    /// Keeps a program that was unpacked into the cache of artifacts, from where it may be removed at any time.
    fn adopt(&self, pulled: &weft_artifact::Executable) -> Result<Executable, Problem> {
        let claims = Some(Arc::new(pulled.claims.clone()));
        if let Some(kept) = self.kept(pulled.digest) {
            return Ok(Executable { claims, ..kept });
        }
        let unwritable = |error| self.unwritable(&error);
        let (copy, mut to) = self.create().map_err(unwritable)?;
        let copied = File::open(&pulled.path)
            .map_err(CopyError::Read)
            .and_then(|mut from| copy_hashed(&mut from, &mut to, u64::MAX));
        let copy = Copy {
            path: copy,
            program: pulled.digest,
            file: pulled.archive,
            claims,
        };
        // One that is open for writing cannot be run.
        drop(to);
        let kept = match copied {
            Ok(Copied::Whole(digest)) if digest == pulled.digest => self.keep(&copy),
            Ok(_) => Err(self.unwritable(&ErrorKind::InvalidData.into())),
            Err(CopyError::Read(error) | CopyError::Write(error)) => Err(self.unwritable(&error)),
        };
        // It is not there any more where all went well.
        drop(fs::remove_file(copy.path));
        kept
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

    /// Copies the program at `path`, or that for this machine from the archive there.
    fn copy(&self, path: &Path) -> Result<Copy, Problem> {
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
        let unwritable = |error| self.unwritable(&error);
        let (copy, mut to) = self.create().map_err(unwritable)?;
        let is_archive = par::is_archive(&head);
        let mut from = head.as_slice().chain(file);
        if is_archive {
            return self.unpack(path, from, copy, to);
        }
        let copied = copy_hashed(&mut from, &mut to, self.bytes_max);
        match copied {
            Ok(Copied::Whole(digest)) => Ok(Copy {
                path: copy,
                program: digest,
                file: digest,
                claims: None,
            }),
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

    /// Unpacks the program for this machine from an archive, `from` the file at `path`, to `copy`, which `to` is. The
    /// token and the hashes of the archive are verified.
    fn unpack(
        &self,
        path: &Path,
        from: impl Read,
        copy: PathBuf,
        mut to: File,
    ) -> Result<Copy, Problem> {
        let target = Target::current();
        let limits = Limits {
            entry_bytes_max: self.bytes_max,
            ..Limits::default()
        };
        let mut from = Hashed {
            inner: from,
            hash: Sha256::new(),
        };
        let extracted = par::extract(&mut from, &target, &mut to, &limits, SystemTime::now());
        let unpacked = match extracted {
            // What stands behind the last entry counts for the digest too.
            Ok(contents) => io::copy(&mut from, &mut io::sink())
                .map(|_| contents)
                .map_err(|error| self.unwritable(&error)),
            Err(error) => {
                let mut problem = Problem::new(&error);
                if problem.subject.is_empty() {
                    problem.subject = path.display().to_string();
                }
                Err(problem)
            }
        };
        let entry = unpacked.map(|contents| (contents.executables.get(&target).copied(), contents));
        match entry {
            Ok((Some(program), contents)) => Ok(Copy {
                path: copy,
                program: program.digest,
                file: Digest::from_bytes(from.hash.finalize().into()),
                claims: Some(Arc::new(contents.claims)),
            }),
            other => {
                drop(fs::remove_file(copy));
                Err(other
                    .err()
                    .unwrap_or_else(|| self.unwritable(&io::Error::from(ErrorKind::NotFound))))
            }
        }
    }

    fn unwritable(&self, error: &io::Error) -> Problem {
        Problem::new(&Refusal::Executable {
            path: self.dir.display().to_string(),
            reason: error.to_string(),
        })
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
    fn keep(&self, copy: &Copy) -> Result<Executable, Problem> {
        // Known before it is there, so that it is not taken for one that nobody uses.
        let executable = Executable {
            claims: copy.claims.clone(),
            ..self.used(self.path(copy.program))
        };
        let kept = fs::rename(&copy.path, executable.path()).and_then(|()| self.evict());
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

/// Reads, and hashes what is read.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
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

    fn archive(target: &str) -> Vec<u8> {
        let claims = weft_artifact::claims::ProviderClaims {
            name: Some("echo".to_owned()),
            ..Default::default()
        };
        let builder = par::Builder::new(claims)
            .executable(target.parse().unwrap(), b"#!/bin/echo".to_vec())
            .executable("riscv64-plan9".parse().unwrap(), b"other".to_vec());
        let mut bytes = Vec::new();
        builder
            .write(
                &mut bytes,
                par::Compression::Gzip,
                &nkeys::KeyPair::new_service().public_key(),
                Default::default(),
                &nkeys::KeyPair::new_account(),
            )
            .unwrap();
        bytes
    }

    #[tokio::test]
    async fn the_program_for_this_machine_is_taken_out_of_an_archive() {
        let dir = tempfile::tempdir().unwrap();
        let executables = Executables::new(dir.path().join("kept"), 1 << 20, 1 << 20);
        let path = dir.path().join("echo.par.gz");
        let image = reference(&path);
        let bytes = archive(Target::current().as_str());
        fs::write(&path, &bytes).unwrap();
        let digest = weft_artifact::digest(&bytes);
        let found = executables.find(&image, Some(digest)).await.unwrap();
        assert_eq!(fs::read(found.path()).unwrap(), b"#!/bin/echo");
        let claims = found.claims.unwrap();
        assert_eq!(claims.name(), Some("echo"));

        let code = async |digest| {
            let found = executables.find(&image, digest).await;
            found.unwrap_err().code.into_owned()
        };
        fs::write(&path, archive("mips-plan9")).unwrap();
        assert_eq!(code(Some(digest)).await, "ART028");
        let mut broken = bytes.clone();
        broken.truncate(bytes.len() / 2);
        fs::write(&path, broken).unwrap();
        assert_eq!(code(None).await, "ART027");
        fs::write(&path, archive(Target::current().as_str())).unwrap();
        assert_eq!(code(Some(digest)).await, "ART005");
        // Nothing is left of what was not kept.
        assert_eq!(fs::read_dir(dir.path().join("kept")).unwrap().count(), 1);
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
        check(&"wasmcloud+builtin://a".parse().unwrap(), "PRV001").await;
        fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        check(&image, "ART027").await;
        fs::write(&path, vec![b'x'; 601]).unwrap();
        check(&image, "ART003").await;
    }
}
