//! Opening the store, and mending what a crash or the disk did to it.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Tables};
use super::layout::Layout;
use super::{bookkeeping, journal, rebuild};
use crate::stats::Counters;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("data directory {} cannot be used", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("store in {} is in use by another process", path.display())]
    Locked { path: PathBuf },
    #[error("store in {} has a format that this version cannot read", path.display())]
    Version { path: PathBuf },
    #[error("store in {} is damaged", path.display())]
    Damaged { path: PathBuf, source: fjall::Error },
}

impl Disk {
    /// Opens the store in `path`, which is created if there is none, and mends what is known to be damaged.
    /// Blocks for some milliseconds, and longer where there is much to replay or to mend.
    pub(crate) fn open(path: &Path, counters: &Counters) -> Result<Self, OpenError> {
        let layout = Layout::new(path);
        let directory_failed = |source| OpenError::Directory {
            path: path.to_owned(),
            source,
        };
        let Some(lock) = layout.claim().map_err(directory_failed)? else {
            let path = path.to_owned();
            return Err(OpenError::Locked { path });
        };
        layout.settle().map_err(directory_failed)?;
        if !bookkeeping::is_sound(&layout.tables).map_err(directory_failed)? {
            return Err(OpenError::Damaged {
                path: path.to_owned(),
                source: fjall::Error::Unrecoverable,
            });
        }
        let written = layout.written().map_err(directory_failed)?;
        let journal = journal::mend(&layout.tables, written, counters).map_err(directory_failed)?;
        layout.forget_written().map_err(directory_failed)?;
        let mut tables = open_tables(&layout)?;
        if journal.is_damaged {
            // They may have what was cut out, or may not know what was removed.
            tables
                .clear_packs()
                .map_err(|error| classify(&layout.root, error))?;
        }
        if layout.is_marked() {
            tables = mend_tables(tables, &layout, counters)?;
        }
        let disk = Self::new(tables, layout, lock);
        disk.checkpoint.note(journal.changes);
        Ok(disk)
    }
}

fn open_tables(layout: &Layout) -> Result<Tables, OpenError> {
    Tables::open(&layout.tables).map_err(|error| classify(&layout.root, error))
}

/// Rebuilds the database without what cannot be read of it. If there is no room for that, it stays as it is.
fn mend_tables(tables: Tables, layout: &Layout, counters: &Counters) -> Result<Tables, OpenError> {
    let directory_failed = |source| OpenError::Directory {
        path: layout.root.clone(),
        source,
    };
    if rebuild::is_sound(&tables) {
        layout.unmark().map_err(directory_failed)?;
        return Ok(tables);
    }
    tracing::warn!(path = %layout.root.display(), "Store is damaged, copying what can be read");
    if let Err(error) = rebuild::rebuild(&tables, &layout.rebuilt, counters) {
        tracing::error!(%error, "Cannot rebuild the store, using it as it is");
        return Ok(tables);
    }
    drop(tables);
    layout
        .swap()
        .and_then(|()| layout.unmark())
        .map_err(directory_failed)?;
    tracing::warn!(kept = %layout.damaged.display(), "Store was rebuilt");
    open_tables(layout)
}

fn classify(path: &Path, error: fjall::Error) -> OpenError {
    let path = path.to_owned();
    match error {
        fjall::Error::Locked => OpenError::Locked { path },
        fjall::Error::Io(source) => OpenError::Directory { path, source },
        fjall::Error::InvalidVersion(_) => OpenError::Version { path },
        source => OpenError::Damaged { path, source },
    }
}
