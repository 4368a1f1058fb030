//! Starting a process that outlives this one.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::process::DETACHED_VARIABLE;

/// Opens the file for the output of a process, to write at its end; only the owner may read it.
pub(super) fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Starts `program`, which is told that it was, without input, with its output at the end of `log`, in a process group of its own: an interrupt at the
/// terminal does not reach it.
pub(super) fn spawn(
    program: &Path,
    arguments: &[OsString],
    directory: &Path,
    log: &File,
) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .env(DETACHED_VARIABLE, std::process::id().to_string())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .process_group(0)
        .spawn()
}
