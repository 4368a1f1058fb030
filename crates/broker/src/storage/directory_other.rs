//! The directory that the database lives in, where directories have no modes.

use std::path::Path;
use std::{fs, io};

/// Makes sure that `path` is a directory. What others may do with it is inherited.
pub(crate) fn prepare(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// The system does that by itself.
pub(super) fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
