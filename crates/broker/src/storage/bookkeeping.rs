//! What the database writes about its own tables is checked before it believes it.
//!
//! It keeps one checksum there that it does not look at, and takes a table whose list of files is gone for one
//! that was never filled, which it then removes.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

/// Where the tables stand.
const FOLDER: &str = "keyspaces";

/// Number and checksum of the list of files that is in force.
const CURRENT: &str = "current";

/// The files of one table.
const FILES: &str = "tables";

/// Whether the bookkeeping of all tables in the database at `path` is what was written. True if there is none yet.
pub(super) fn is_sound(path: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(path.join(FOLDER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        if !is_table_sound(&entry?.path())? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_table_sound(table: &Path) -> io::Result<bool> {
    let Some(current) = read(&table.join(CURRENT))? else {
        // It was being made when the process ended, unless it has files.
        return Ok(match fs::read_dir(table.join(FILES)) {
            Err(_) => true,
            Ok(mut files) => files.next().is_none(),
        });
    };
    let Some((number, rest)) = current.split_first_chunk() else {
        return Ok(false);
    };
    let Some((checksum, _)) = rest.split_first_chunk() else {
        return Ok(false);
    };
    let list = read(&table.join(format!("v{}", u64::from_le_bytes(*number))))?;
    Ok(list.is_some_and(|list| xxh3_128(&list) == u128::from_le_bytes(*checksum)))
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}
