//! Executables of providers, unpacked into the cache.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ulid::Ulid;
use weft_model::digest::Digest;

use super::pull::{Pulled, disk};
use super::{Executable, Inner, touch};
use crate::claims::{ClaimsError, Token};
use crate::error::FetchError;
use crate::par::{self, ArchiveError, Target};
use crate::store::{self, EXECUTABLES_DIR};

const MODE: u32 = 0o755;
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// What is remembered of an archive that was unpacked.
#[derive(Serialize, Deserialize)]
struct Record {
    executable: String,
    token: String,
}

/// Hashes what is read.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

/// The executable for `target` in the archive at `path`, unpacked if it is not yet. Blocks on the disk.
pub(super) fn unpack(
    inner: &Inner,
    reference: &str,
    path: &Path,
    pulled: Option<&Pulled>,
    target: &Target,
) -> Result<Executable, FetchError> {
    let archive = match pulled {
        Some(pulled) => pulled.layer.digest,
        None => hash_file(path, inner.store.options().archive_bytes_max)?,
    };
    let is_stale = pulled.is_some_and(|pulled| pulled.is_stale);
    let record = inner
        .dir
        .join(EXECUTABLES_DIR)
        .join(format!("{}-{target}.json", archive.to_hex()));
    if let Some((digest, token)) = recall(&record) {
        let path = executable_path(inner, digest);
        if is_intact(&path, digest) {
            drop((touch(&record), touch(&path)));
            let claims = token
                .verify(SystemTime::now())
                .map_err(|source| claims_error(reference, source))?;
            return Ok(Executable {
                path,
                digest,
                archive,
                claims: claims.clone(),
                is_stale,
            });
        }
    }
    unpack_anew(inner, reference, path, archive, target, &record).map(|executable| Executable {
        is_stale,
        ..executable
    })
}

fn unpack_anew(
    inner: &Inner,
    reference: &str,
    path: &Path,
    archive: Digest,
    target: &Target,
    record: &Path,
) -> Result<Executable, FetchError> {
    let dir = inner.dir.join(EXECUTABLES_DIR);
    let temporary = Temporary(dir.join(format!("{}.tmp", Ulid::generate())));
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&temporary.0);
    let file = created.map_err(|error| disk(&temporary.0, error))?;
    let mut output = BufWriter::new(file);
    let mut input = Hashing {
        inner: store::open_bounded(path, u64::MAX)?,
        hash: Sha256::new(),
    };
    let limits = &inner.store.options().archive;
    let extracted = par::extract(&mut input, target, &mut output, limits, SystemTime::now());
    // To the end, whatever came of it: an archive that was damaged on disk is to be pulled again.
    let found = input.finish().map_err(|error| disk(path, error))?;
    if found != archive {
        if inner.blob(archive) == path {
            drop(fs::remove_file(path));
        }
        return Err(FetchError::Changed {
            reference: reference.to_owned(),
            expected: archive,
            found,
        });
    }
    let contents = extracted.map_err(|source| FetchError::Archive {
        reference: reference.to_owned(),
        source,
    })?;
    // `extract` succeeds only with an executable for the target.
    let Some(entry) = contents.executables.get(target) else {
        return Err(FetchError::Archive {
            reference: reference.to_owned(),
            source: ArchiveError::NoExecutable {
                target: target.clone(),
                found: contents.executables.into_keys().collect(),
            },
        });
    };
    let to = executable_path(inner, entry.digest);
    settle(output, &temporary.0, &to).map_err(|error| disk(&to, error))?;
    let remembered = Record {
        executable: entry.digest.to_string(),
        token: contents.token.clone(),
    };
    let kept = serde_json::to_vec(&remembered)
        .map_err(io::Error::from)
        .and_then(|json| inner.store.write(record, &json))
        .and_then(|()| inner.store.evict(&to));
    if let Err(error) = kept {
        tracing::warn!(error = %error, "Cannot remember what was unpacked");
    }
    Ok(Executable {
        path: to,
        digest: entry.digest,
        archive,
        claims: contents.claims,
        is_stale: false,
    })
}

/// Closes the file before it has its name: one that is open for writing cannot be run.
fn settle(output: BufWriter<File>, from: &Path, to: &Path) -> io::Result<()> {
    let file = output
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_data()?;
    drop(file);
    fs::rename(from, to)
}

fn recall(record: &Path) -> Option<(Digest, Token)> {
    let json = store::read_bounded(record, RECORD_BYTES_MAX).ok()?;
    let record: Record = serde_json::from_slice(&json).ok()?;
    Some((
        record.executable.parse().ok()?,
        Token::parse(&record.token).ok()?,
    ))
}

fn executable_path(inner: &Inner, digest: Digest) -> PathBuf {
    let name = format!("sha256-{}", digest.to_hex());
    inner.dir.join(EXECUTABLES_DIR).join(name)
}

pub(super) fn is_intact(path: &Path, digest: Digest) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let hashing = Hashing {
        inner: file,
        hash: Sha256::new(),
    };
    if hashing.finish().is_ok_and(|found| found == digest) {
        return true;
    }
    tracing::warn!(path = %path.display(), "Removed a damaged file from the cache");
    drop(fs::remove_file(path));
    false
}

/// The digest of a regular file of at most `bytes_max`.
fn hash_file(path: &Path, bytes_max: u64) -> Result<Digest, FetchError> {
    let file = store::open_bounded(path, bytes_max)?;
    let hashing = Hashing {
        inner: file,
        hash: Sha256::new(),
    };
    Ok(hashing.finish().map_err(|error| disk(path, error))?)
}

fn claims_error(reference: &str, source: ClaimsError) -> FetchError {
    FetchError::Claims {
        reference: reference.to_owned(),
        source,
    }
}

/// A file that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

// ===== impl Hashing =====

impl<R: Read> Hashing<R> {
    /// The digest of everything, what was not read yet included.
    fn finish(mut self) -> io::Result<Digest> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(Digest::from_bytes(self.hash.finalize().into()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        Ok(length)
    }
}
