//! Files that commands write: whole, or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::ArtifactError;

/// What everybody may read, as far as the umask lets them.
const MODE: u32 = 0o666;

/// Writes a file with what `write` makes. A file of this name is replaced only if `replaces`; nothing is left of one that
/// could not be written whole.
///
/// # Errors
///
/// [`ArtifactError::Exists`], [`ArtifactError::Write`].
pub(crate) fn write_file(
    path: &Path,
    replaces: bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), ArtifactError> {
    if !replaces && path.symlink_metadata().is_ok() {
        return Err(ArtifactError::Exists {
            path: path.to_owned(),
        });
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = write_whole(&temporary, MODE, write).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // It is not there where it could not be made.
        drop(fs::remove_file(&temporary));
        ArtifactError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

fn write_whole(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    let mut file = BufWriter::new(file);
    write(&mut file)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let put = |text: &'static str, replaces| {
            write_file(&path, replaces, |to| to.write_all(text.as_bytes()))
        };
        put("one", false).unwrap();
        assert!(matches!(
            put("two", false),
            Err(ArtifactError::Exists { .. })
        ));
        put("three", true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three");
        let failed = write_file(&path, true, |_| Err(io::ErrorKind::Other.into()));
        assert!(matches!(failed, Err(ArtifactError::Write { .. })));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
