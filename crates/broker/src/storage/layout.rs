//! What stands where in the data directory.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Paths of a store.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
    /// The segments.
    pub(super) log: PathBuf,
    /// What versions before 0.1 kept.
    tables: PathBuf,
    lock: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            log: root.join("log"),
            tables: root.join("tables"),
            lock: root.join("lock"),
        }
    }

    /// Makes sure that the directories are there, for their owner alone, and keeps other processes out while the
    /// returned file is held. None if another process has it.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        super::prepare_directory(&self.root)?;
        let lock = File::create(&self.lock)?;
        match lock.try_lock() {
            Ok(()) => {
                super::prepare_directory(&self.log)?;
                Ok(Some(lock))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether there is a store that was made by a version with another format.
    pub(super) fn is_of_other_version(&self) -> bool {
        self.tables.exists()
    }
}
