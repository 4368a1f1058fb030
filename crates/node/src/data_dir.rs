//! The data directory of a node: private to its owner, used by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nkeys::{KeyPair, KeyPairType};
use ulid::Ulid;
use weft_model::id::HostId;

use crate::error::StartError;
use crate::run_file::LOCK_NAME;

/// The directory of the cache of artifacts in the data directory, which processes may share.
pub const ARTIFACTS_DIR: &str = "artifacts";
const HOST_KEY_FILE: &str = "host.nk";
/// How often, and after which pauses, a lock that is held is tried again: who asks whether somebody holds it does so
/// himself for a moment.
const LOCK_ATTEMPTS: usize = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(5);
const MANAGER_ID_FILE: &str = "manager.id";

/// A data directory that this process holds.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

// ===== impl DataDir =====

impl DataDir {
    /// Takes the directory at `path`, making it if it is not there.
    ///
    /// # Errors
    ///
    /// [`StartError::DataDirInUse`] when another process holds it, [`StartError::DataDirForeign`] when it is not private,
    /// [`StartError::DataDir`] when the operating system refuses.
    pub fn hold(path: &Path) -> Result<Self, StartError> {
        Self::make(path)?;
        let lock = lock(path)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Makes the directory at `path` if it is not there, and looks whether it is private, without taking it.
    ///
    /// # Errors
    ///
    /// [`StartError::DataDirForeign`] when it is not private, [`StartError::DataDir`] when the operating system refuses.
    pub fn make(path: &Path) -> Result<(), StartError> {
        let io_error = |source| StartError::DataDir {
            path: path.to_owned(),
            source,
        };
        let is_new = !path.exists();
        if !is_new && !path.is_dir() {
            return Err(io_error(io::ErrorKind::NotADirectory.into()));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io_error)?;
        let metadata = fs::metadata(path).map_err(io_error)?;
        let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
        if !is_own || metadata.mode() & 0o022 != 0 {
            return Err(StartError::DataDirForeign {
                path: path.to_owned(),
            });
        }
        // A directory that others could read is made private; `umask` may have been generous when it was made.
        if is_new || metadata.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io_error)?;
        }
        Ok(())
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id of the host of this directory: the public half of a key that is made once and kept.
    pub(crate) fn host_id(&self) -> Result<HostId, StartError> {
        let path = self.path.join(HOST_KEY_FILE);
        let damaged = || StartError::HostKey { path: path.clone() };
        let seed = self.load_or_make(HOST_KEY_FILE, || {
            KeyPair::new(KeyPairType::Server)
                .seed()
                .map_err(|_| damaged())
        })?;
        host_id_of(&seed).ok_or_else(damaged)
    }

    /// The id of the manager of this directory, made once and kept.
    pub(crate) fn manager_id(&self) -> Result<String, StartError> {
        let id = self.load_or_make(MANAGER_ID_FILE, || Ok(Ulid::generate().to_string()))?;
        Ok(id.trim().to_owned())
    }

    fn load_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<String, StartError>,
    ) -> Result<String, StartError> {
        let path = self.path.join(name);
        let io_error = |source| StartError::DataDir {
            path: path.clone(),
            source,
        };
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_error(error)),
        }
        let text = make()?;
        // Renamed into place, so that a crash leaves no half of it.
        let temporary = self.path.join(format!("{name}.tmp"));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            })
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(io_error)?;
        Ok(text)
    }
}

/// The id that the seed of a host's key, `SN…`, makes; `None` where it is none.
pub(crate) fn host_id_of(seed: &str) -> Option<HostId> {
    let key = KeyPair::from_seed(seed.trim()).ok()?;
    if !matches!(key.key_pair_type(), KeyPairType::Server) {
        return None;
    }
    key.public_key().parse().ok()
}

fn lock(dir: &Path) -> Result<File, StartError> {
    let path = dir.join(LOCK_NAME);
    let io_error = |source| StartError::DataDir {
        path: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io_error)?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // Who holds it is for the message alone.
            let mut pid = String::new();
            drop(file.read_to_string(&mut pid));
            return Err(StartError::DataDirInUse {
                path: dir.to_owned(),
                pid: pid.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(io_error(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(io_error)?;
    Ok(file)
}

/// Takes the lock, unless somebody holds it for longer than a question about it does.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            result => return result,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_file;

    #[test]
    fn one_process_at_a_time_holds_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        assert!(!run_file::is_locked(&path).unwrap());
        let held = DataDir::hold(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert!(run_file::is_locked(&path).unwrap());
        let pid = std::process::id();
        assert!(
            matches!(DataDir::hold(&path), Err(StartError::DataDirInUse { pid: Some(p), .. }) if p == pid)
        );
        drop(held);
        assert!(!run_file::is_locked(&path).unwrap());
        DataDir::hold(&path).unwrap();
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            DataDir::hold(dir.path()),
            Err(StartError::DataDirForeign { .. })
        ));
    }

    #[test]
    fn ids_stay_with_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::hold(&dir.path().join("d")).unwrap();
        let id = held.host_id().unwrap();
        assert!(id.as_str().starts_with('N') && id.as_str().len() == 56);
        assert_eq!(held.host_id().unwrap(), id);
        assert_eq!(held.manager_id().unwrap(), held.manager_id().unwrap());
        fs::write(held.path().join(HOST_KEY_FILE), "rubbish").unwrap();
        assert!(matches!(held.host_id(), Err(StartError::HostKey { .. })));
    }

    #[test]
    fn the_seed_of_a_server_makes_an_id() {
        let seed = |kind| KeyPair::new(kind).seed().unwrap();
        let server = seed(KeyPairType::Server);
        let id = host_id_of(&format!("{server}\n")).unwrap();
        assert_eq!(host_id_of(&server), Some(id));
        for bad in [seed(KeyPairType::User), "SNABC".to_owned(), String::new()] {
            assert_eq!(host_id_of(&bad), None);
        }
    }
}
