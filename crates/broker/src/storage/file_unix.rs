//! Reading and writing at a place of a file, where the system can.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Reads exactly as many bytes.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(buffer, offset)
}

/// Writes all bytes.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}
