//! The private directory that the database lives in, where directories have modes.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Only the owner may look into it.
const MODE: u32 = 0o700;

/// Makes sure that `path` is a directory for its owner alone.
pub(crate) fn prepare(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(MODE).create(path)?;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        // It was there before, and open to others.
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
    }
    Ok(())
}

/// Forces what was added to and removed from the directory to the disk.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}
