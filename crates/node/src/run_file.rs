//! What a running `weft up` tells about itself in its data directory.
//!
//! Three files: [`LOCK_NAME`], on which it holds an exclusive lock as long as it runs, and [`NAME`], which says how to
//! reach it. The lock decides whether it runs; the other file may be left over from a process that was killed. Whoever
//! takes the lock removes such a file first, and writes its own once it is ready. The file of the lock holds the id of the
//! process, for those who would stop one that is not ready yet.
//!
//! Where the lattice wants credentials, [`KEY_NAME`] holds the seed of a key that its broker takes as long as the process
//! runs, for commands of the same user. It is written before the run file that names it, and removed after it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weft_model::problem::Coded;

/// The name of the file that a running `weft up` writes.
pub const NAME: &str = "run.json";
/// The name of the file that a running `weft up` holds locked.
pub const LOCK_NAME: &str = "lock";

/// The name of the file with the seed of the key that this run takes from clients; for its owner alone.
pub const KEY_NAME: &str = "run.nk";

/// Bytes of a run file that are read.
const BYTES_MAX: u64 = 64 << 10;

/// What a running `weft up` tells about itself. Fields that are not known are ignored.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// The id of its process.
    pub pid: u32,
    /// Where NATS of its lattice is, for programs on this machine.
    pub nats_url: String,
    /// Where NATS of its lattice is for those who encrypt, as `tls://127.0.0.1:4222`; `None` where its broker does not.
    #[serde(default)]
    pub nats_tls_url: Option<String>,
    /// Whether its broker asks everybody for credentials.
    #[serde(default)]
    pub is_auth_required: bool,
    /// The file with the seed of a key that its broker takes; `None` where it needs none, or the broker is elsewhere.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Where its broker tells those who watch it, as `127.0.0.1:8222`; `None` where it does not.
    #[serde(default)]
    pub monitor: Option<String>,
    /// Where it answers `/livez` and `/readyz`, as `127.0.0.1:8081`; `None` where it does not.
    #[serde(default)]
    pub http_admin: Option<String>,
    /// The name of its lattice.
    pub lattice: String,
    /// The JetStream domain of the lattice's state; `None` where it is that of the servers.
    #[serde(default)]
    pub js_domain: Option<String>,
    /// The beginning of control subjects; `None` where it is the usual one.
    #[serde(default)]
    pub control_prefix: Option<String>,
    /// The id of its host; `None` without the role.
    #[serde(default)]
    pub host_id: Option<String>,
    /// The name of its host for people; `None` without the role.
    #[serde(default)]
    pub host_name: Option<String>,
    /// The shared HTTP address, as `127.0.0.1:8000`; `None` without a host.
    #[serde(default)]
    pub http: Option<String>,
    /// When it started, RFC 3339 in UTC.
    pub started_at: String,
    /// Its version.
    pub version: String,
}

/// Why a run file, or the lock beside it, cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFileError {
    /// The operating system refuses.
    #[error("cannot access `{}`", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not a run file.
    #[error("`{}` does not have the form of a run file", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The file is larger than run files are.
    #[error("`{}` is larger than {BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// The run file in `data_dir`; `None` when there is none. Whether the process still runs is told by [`is_locked`].
///
/// # Errors
///
/// [`RunFileError`] when there is one that cannot be read.
pub fn read(data_dir: &Path) -> Result<Option<RunFile>, RunFileError> {
    let path = data_dir.join(NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(source) => return Err(RunFileError::Access { path, source }),
    };
    let mut text = Vec::new();
    if let Err(source) = file.take(BYTES_MAX + 1).read_to_end(&mut text) {
        return Err(RunFileError::Access { path, source });
    }
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > BYTES_MAX) {
        return Err(RunFileError::TooLarge { path });
    }
    match serde_json::from_slice(&text) {
        Ok(run) => Ok(Some(run)),
        Err(source) => Err(RunFileError::Form { path, source }),
    }
}

/// Writes the run file into `data_dir`, whole or not at all. For the holder of the lock.
///
/// # Errors
///
/// [`RunFileError::Access`].
pub fn write(data_dir: &Path, run: &RunFile) -> Result<(), RunFileError> {
    let path = data_dir.join(NAME);
    let draft = data_dir.join(".run.json.draft");
    let mut text = serde_json::to_vec_pretty(run).expect("a run file has text keys and no floats");
    text.push(b'\n');
    let written = File::create(&draft)
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, &path));
    written.map_err(|source| RunFileError::Access { path, source })
}

/// Writes the seed of the key that this run takes into `data_dir`, readable by its owner alone, and returns the path of the
/// file. For the holder of the lock.
///
/// # Errors
///
/// [`RunFileError::Access`].
pub(crate) fn write_key(data_dir: &Path, seed: &str) -> Result<PathBuf, RunFileError> {
    let path = data_dir.join(KEY_NAME);
    // Made anew: the rights of a file that is there are not changed by opening it.
    remove_file(path.clone())?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| writeln!(file, "{seed}"));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(RunFileError::Access { path, source }),
    }
}

/// Removes the run file, and the key that it may name, from `data_dir`, if they are there. For the holder of the lock.
///
/// # Errors
///
/// [`RunFileError::Access`].
pub fn remove(data_dir: &Path) -> Result<(), RunFileError> {
    remove_file(data_dir.join(NAME))?;
    remove_file(data_dir.join(KEY_NAME))
}

fn remove_file(path: PathBuf) -> Result<(), RunFileError> {
    match fs::remove_file(&path) {
        Err(error) if !is_absence(&error) => Err(RunFileError::Access {
            path,
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Whether a `weft up` runs with `data_dir`: whether somebody holds the lock.
///
/// Where nobody does, the lock is held for a moment by this question itself.
///
/// # Errors
///
/// [`RunFileError::Access`].
pub fn is_locked(data_dir: &Path) -> Result<bool, RunFileError> {
    let path = data_dir.join(LOCK_NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(false),
        Err(source) => return Err(RunFileError::Access { path, source }),
    };
    // Shared, so that two who ask at once do not take each other for a `weft up`.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(RunFileError::Access { path, source }),
    }
}

/// The process that holds the lock in `data_dir`, as far as it tells; `None` when nobody does.
///
/// # Errors
///
/// [`RunFileError::Access`].
pub fn lock_holder(data_dir: &Path) -> Result<Option<u32>, RunFileError> {
    if !is_locked(data_dir)? {
        return Ok(None);
    }
    let path = data_dir.join(LOCK_NAME);
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text.trim().parse().ok()),
        Err(error) if is_absence(&error) => Ok(None),
        Err(source) => Err(RunFileError::Access { path, source }),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

// ===== impl RunFileError =====

impl Coded for RunFileError {
    fn code(&self) -> &'static str {
        "DAT005"
    }

    fn subject(&self) -> String {
        let (Self::Access { path, .. } | Self::Form { path, .. } | Self::TooLarge { path }) = self;
        path.display().to_string()
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Access { .. } => {
                "check that the data directory belongs to you, or name another with `--data-dir`"
            }
            Self::Form { .. } | Self::TooLarge { .. } => {
                "stop the `weft up` of that directory by hand and start it again"
            }
        };
        vec![hint.to_owned()]
    }
}

#[cfg(test)]
mod tests;
