//! What a segment holds, without bodies, in a file beside it.
//!
//! A start reads summaries in place of segments that are mostly bodies. A summary tells nothing that its segment does
//! not: it may be missing, and is not used where there is any doubt about it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};

use super::entry::{self, Entry};
use super::scan::{Scope, scan};
use super::seal::Seal;
use super::segment;

const EXTENSION: &str = "sum";
const MAGIC: [u8; 8] = *b"WEFTSUM\x01";

/// A segment whose heads are at most this part of it is worth a summary.
const HEADS_PART: u64 = 4;

/// A summary that holds for its segment as it is.
#[derive(Debug)]
pub(super) struct Summary {
    /// Number of the next frame after the segment.
    pub(super) next: u64,
    entries: Vec<u8>,
}

// ---------------------------------------------------------------------------------------------------------

/// Whether a segment of this length, whose heads have that length, is read quicker by a summary.
pub(super) fn is_worth(len: u64, heads: u64) -> bool {
    heads.saturating_mul(HEADS_PART) < len
}

/// Writes the summary of a segment that is complete, unless it is not sound.
pub(super) fn write(directory: &Path, number: u32, seal: Seal) -> io::Result<()> {
    let bytes = fs::read(segment::path(directory, number))?;
    let Some(header) = segment::Header::decode(&bytes) else {
        return Ok(());
    };
    let scope = Scope {
        bytes: &bytes,
        seal,
        first: Some(header.first),
        is_last: false,
    };
    let mut out = MAGIC.to_vec();
    out.put_u64_le(bytes.len() as u64);
    out.put_u64_le(header.first);
    out.put_u64_le(0);
    let found = scan(scope, |frame| {
        for raw in frame.entries {
            entry::put_summary(&mut out, &bytes, raw);
        }
    });
    if !found.is_sound() {
        // The next start mends it.
        return Ok(());
    }
    out[24..32].copy_from_slice(&found.next.to_le_bytes());
    out.put_u64_le(seal.long(&out));
    let path = path(directory, number);
    let new = path.with_extension("sum.new");
    let mut file = File::create(&new)?;
    file.write_all(&out)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// The summary of a segment of length `len`, if there is one that holds for it.
pub(super) fn read(
    directory: &Path,
    header: &segment::Header,
    len: u64,
    seal: Seal,
) -> Option<Summary> {
    let mut bytes = fs::read(path(directory, header.number)).ok()?;
    let content_len = bytes.len().checked_sub(8)?;
    let (content, mut sum) = bytes.split_at(content_len);
    if sum.get_u64_le() != seal.long(content) {
        return None;
    }
    let mut rest = content.strip_prefix(&MAGIC)?;
    let is_of = rest.try_get_u64_le().ok()? == len && rest.try_get_u64_le().ok()? == header.first;
    let next = rest.try_get_u64_le().ok()?;
    if !is_of {
        return None;
    }
    bytes.truncate(content_len);
    bytes.drain(..32);
    Some(Summary {
        next,
        entries: bytes,
    })
}

/// Removes the summary of a segment.
pub(super) fn remove(directory: &Path, number: u32) -> io::Result<()> {
    segment::remove(&path(directory, number))
}

fn path(directory: &Path, number: u32) -> PathBuf {
    segment::path(directory, number).with_extension(EXTENSION)
}

impl Summary {
    /// Calls `visit` with every entry, and where its body stands. False if one makes no sense.
    pub(super) fn each(&self, seal: Seal, mut visit: impl FnMut(&Entry<'_>, u32)) -> bool {
        let mut rest = &self.entries[..];
        while !rest.is_empty() {
            let Some((entry, at)) = entry::read_summary(&mut rest, seal) else {
                return false;
            };
            visit(&entry, at);
        }
        true
    }

    /// Bytes of all heads.
    pub(super) fn heads(&self) -> u64 {
        self.entries.len() as u64
    }
}
