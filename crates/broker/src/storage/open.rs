//! Opening the store.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::load;
use super::log::Log;
use super::messages::Messages;
use super::seal::Seal;
use crate::entropy::Entropy;
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
}

/// An open store, and what it held when it was opened.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) log: Log,
    pub(crate) messages: Messages,
    /// Keeps other processes out while it is held.
    pub(crate) lock: File,
}

// ---------------------------------------------------------------------------------------------------------

impl Disk {
    /// Opens the store in `path`, which is created if there is none, and reads all but bodies. What is damaged is
    /// named, counted and left out. Blocks for some milliseconds, and longer where there is much to read.
    pub(crate) fn open(path: &Path, counters: &Counters) -> Result<Self, OpenError> {
        let layout = Layout::new(path);
        let failed = |source| OpenError::Directory {
            path: path.to_owned(),
            source,
        };
        let Some(lock) = layout.claim().map_err(failed)? else {
            let path = path.to_owned();
            return Err(OpenError::Locked { path });
        };
        if layout.is_of_other_version() {
            let path = path.to_owned();
            return Err(OpenError::Version { path });
        }
        let mut loaded = load::load(&layout.log, counters).map_err(failed)?;
        let messages = std::mem::take(&mut loaded.messages);
        let seal = loaded.seal.unwrap_or_else(|| Seal(Entropy::new().next()));
        let log = Log::new(layout.log, loaded, seal).map_err(failed)?;
        Ok(Self {
            log,
            messages,
            lock,
        })
    }
}
