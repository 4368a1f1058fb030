//! Directories and files that only their owner can change.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Makes `dir`, and what is missing above it, for its owner alone. One that is there stays as it is.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whether `dir` is a directory, no link to one, that belongs to this process's user and that nobody else may write to.
pub(super) fn is_private_dir(dir: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(dir)?;
    Ok(metadata.is_dir()
        && metadata.mode() & 0o022 == 0
        && metadata.uid() == rustix::process::geteuid().as_raw())
}

/// Makes a file for its owner alone; fails where there is one.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
