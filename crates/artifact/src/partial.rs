//! Downloads that are not complete.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use weft_model::digest::Digest;

const BUFFER_BYTES: usize = 256 * 1024;

/// A file that grows to a blob, and the hash of what is in it. Nobody else writes it, in this process or another, for as
/// long as this value lives, on whichever thread that is.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
    /// Unlocks when it is closed.
    _lock: File,
}

// ===== impl Partial =====

impl Partial {
    /// Opens what an earlier download left, or begins anew where that is longer than `bytes_max`. Blocks on the disk.
    pub(crate) fn open(path: &Path, lock: File, bytes_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let mut partial = Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            bytes: 0,
            _lock: lock,
        };
        if partial.file.metadata()?.len() > bytes_max {
            partial.restart()?;
            return Ok(partial);
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = partial.file.read(&mut buffer)?;
            if length == 0 {
                return Ok(partial);
            }
            partial.hash.update(&buffer[..length]);
            partial.bytes += length as u64;
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that are there.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of the bytes that are there.
    pub(crate) fn digest(&self) -> Digest {
        Digest::from_bytes(self.hash.clone().finalize().into())
    }

    pub(crate) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Forgets the bytes that are there.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    /// Makes it the file at `path`, at once and only then. Blocks on the disk.
    pub(crate) fn commit(self, path: &Path) -> io::Result<()> {
        self.file.sync_data()?;
        std::fs::rename(&self.path, path)
    }
}
