//! What stands where in the data directory.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Paths of a store.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    /// The database.
    pub(super) tables: PathBuf,
    /// One that is being rebuilt.
    pub(super) rebuilt: PathBuf,
    /// The last one that was found damaged, as it was.
    pub(super) damaged: PathBuf,
    /// A file that stands here while the database is known to be damaged.
    mark: PathBuf,
    lock: PathBuf,
}

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            tables: root.join("tables"),
            rebuilt: root.join("tables.rebuilt"),
            damaged: root.join("tables.damaged"),
            mark: root.join("damaged"),
            lock: root.join("lock"),
        }
    }

    /// Makes sure that the directory is there, for its owner alone, and keeps other processes out while the
    /// returned file is held. None if another process has it.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        super::prepare_directory(&self.root)?;
        let lock = File::create(&self.lock)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn mark(&self) -> io::Result<()> {
        File::create(&self.mark)?.sync_all()
    }

    pub(super) fn unmark(&self) -> io::Result<()> {
        allow_missing(fs::remove_file(&self.mark))
    }

    pub(super) fn is_marked(&self) -> bool {
        self.mark.exists()
    }

    /// Finishes or undoes a rebuild that a crash cut short.
    pub(super) fn settle(&self) -> io::Result<()> {
        if self.rebuilt.exists() && !self.tables.exists() {
            return fs::rename(&self.rebuilt, &self.tables);
        }
        allow_missing(fs::remove_dir_all(&self.rebuilt))
    }

    /// Puts the rebuilt database in place of the damaged one. Both must be closed.
    pub(super) fn swap(&self) -> io::Result<()> {
        allow_missing(fs::remove_dir_all(&self.damaged))?;
        fs::rename(&self.tables, &self.damaged)?;
        fs::rename(&self.rebuilt, &self.tables)
    }
}

fn allow_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
