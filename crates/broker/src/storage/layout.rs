//! What stands where in the data directory.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

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
    /// Up to where the journal of the last run is in the tables.
    written: PathBuf,
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
            written: root.join("written"),
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

    /// Notes that everything before a batch is in the tables.
    pub(super) fn note_written(&self, batch: u64) -> io::Result<()> {
        let mut note = batch.to_le_bytes().to_vec();
        note.extend_from_slice(&xxh3_64(&note).to_le_bytes());
        let new = self.written.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&note)?;
        file.sync_all()?;
        fs::rename(new, &self.written)
    }

    /// The first batch that may not be in the tables; the first of all if nothing is known.
    pub(super) fn written(&self) -> io::Result<u64> {
        let note = match fs::read(&self.written) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            note => note?,
        };
        let batch = note.split_first_chunk().and_then(|(batch, checksum)| {
            let is_good = checksum == xxh3_64(batch).to_le_bytes();
            is_good.then(|| u64::from_le_bytes(*batch))
        });
        Ok(batch.unwrap_or(0))
    }

    /// Forgets that. Afterwards no start acts on it, not even after a loss of power.
    pub(super) fn forget_written(&self) -> io::Result<()> {
        match fs::remove_file(&self.written) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| super::sync_directory(&self.root)),
        }
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
        self.forget_written()?;
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
