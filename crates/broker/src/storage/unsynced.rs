//! Which files have something that may not be on the disk.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Files with something that may not be on the disk.
#[derive(Debug, Default)]
pub(super) struct Unsynced(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    /// In the order in which they were made; the last is written to.
    segments: Vec<Arc<File>>,
    /// A file was made or removed.
    is_directory_changed: bool,
}

// ---------------------------------------------------------------------------------------------------------

impl Unsynced {
    pub(super) fn add(&self, file: Arc<File>) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.segments.push(file);
        files.is_directory_changed = true;
    }

    /// Forces all that was committed before to the disk, while others go on to commit.
    pub(super) fn sync(&self, directory: &Path) -> io::Result<()> {
        let (segments, is_directory_changed) = {
            let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = std::mem::take(&mut files.is_directory_changed);
            (files.segments.clone(), changed)
        };
        for file in &segments {
            file.sync_data()?;
        }
        if is_directory_changed {
            super::sync_directory(directory)?;
        }
        // The last one is written to.
        let done = segments.len().saturating_sub(1);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.segments.drain(..done);
        Ok(())
    }
}
