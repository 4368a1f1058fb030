//! Files that only their owner may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::AuthError;

/// Only the owner may read and write it.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// Makes sure that `path` is a directory; one that is made is for its owner alone.
pub(super) fn ensure_directory(path: &Path) -> Result<(), AuthError> {
    directory_builder()
        .recursive(true)
        .create(path)
        .map_err(|source| failed(path, source))
}

/// Replaces the file at `path`, or makes it: readers see the old content or the new, never a part.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), AuthError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        // One that was left behind may have another mode.
        remove_if_there(&new)?;
        let mut file = create_new(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| {
        // Whatever is left is worthless; what failed first is what matters.
        let _ = fs::remove_file(&new);
        failed(path, source)
    })
}

/// Makes the file at `path` if there is none. False if there is one.
pub(super) fn create(path: &Path, content: &[u8]) -> Result<bool, AuthError> {
    // Under another name first, so that nobody reads half of it.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.first", std::process::id()));
    let new = path.with_file_name(name);
    replace(&new, content)?;
    let linked = fs::hard_link(&new, path);
    let _ = fs::remove_file(&new);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(failed(path, source)),
    }
}

/// Reads at most `len_max` bytes of text. `None` if there is no such file.
pub(super) fn read(path: &Path, len_max: u64) -> Result<Option<String>, AuthError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(path, source)),
    };
    let mut text = String::new();
    let len = file
        .take(len_max + 1)
        .read_to_string(&mut text)
        .map_err(|source| failed(path, source))?;
    if len as u64 > len_max {
        return Err(failed(path, io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(text))
}

/// Opens a file that only serves to be locked.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    options().create(true).truncate(false).open(path)
}

pub(super) fn failed(path: &Path, source: io::Error) -> AuthError {
    AuthError::File {
        path: PathBuf::from(path),
        source,
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    options.write(true).mode(MODE);
    options
}

#[cfg(unix)]
fn directory_builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;

    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn directory_builder() -> DirBuilder {
    DirBuilder::new()
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
