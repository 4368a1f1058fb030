//! A segment: one file of the log. A header that stands there twice, and frames.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};
use xxhash_rust::xxh3::xxh3_64;

use super::file;
use super::seal::Seal;

const EXTENSION: &str = "seg";

const MAGIC: [u8; 8] = *b"WEFTLOG\x01";
const COPY_LEN: usize = 8 + 4 + 4 + 8 + 8 + 8;

/// Bytes before the first frame.
pub(super) const HEADER_LEN: usize = 2 * COPY_LEN;

const FRAME_MAGIC: [u8; 4] = [0xF7, b'W', b'F', 0x01];

/// Bytes before the entries of a frame.
pub(super) const FRAME_LEN: usize = 4 + 4 + 8 + 8;

const IS_MENDED: u32 = 1;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u32,
    pub(super) seal: Seal,
    /// Number of its first frame.
    pub(super) first: u64,
    /// It is known that frames are missing before it, or in it, and was told.
    pub(super) is_mended: bool,
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Frames have numbers that grow by one, also from one segment to the next.
    pub(super) number: u64,
    /// Bytes of its entries.
    pub(super) len: usize,
}

// ---------------------------------------------------------------------------------------------------------

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        for _ in 0..2 {
            let start = out.len();
            out.extend_from_slice(&MAGIC);
            out.put_u32_le(self.number);
            out.put_u32_le(if self.is_mended { IS_MENDED } else { 0 });
            out.put_u64_le(self.seal.0);
            out.put_u64_le(self.first);
            out.put_u64_le(xxh3_64(&out[start..]));
        }
        out
    }

    /// Reads whichever copy is good.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        bytes
            .chunks_exact(COPY_LEN)
            .take(2)
            .find_map(Self::decode_copy)
    }

    fn decode_copy(copy: &[u8]) -> Option<Self> {
        let (content, mut sum) = copy.split_at_checked(COPY_LEN - 8)?;
        if sum.try_get_u64_le().ok()? != xxh3_64(content) {
            return None;
        }
        let mut rest = content.strip_prefix(&MAGIC)?;
        Some(Self {
            number: rest.get_u32_le(),
            is_mended: rest.get_u32_le() & IS_MENDED != 0,
            seal: Seal(rest.get_u64_le()),
            first: rest.get_u64_le(),
        })
    }
}

impl FrameHeader {
    /// Writes the header of a frame that begins at the start of `frame` and has its entries behind the header.
    pub(super) fn fill(frame: &mut [u8], number: u64, seal: Seal) {
        let len = u32::try_from(frame.len() - FRAME_LEN).unwrap_or(u32::MAX);
        frame[..4].copy_from_slice(&FRAME_MAGIC);
        frame[4..8].copy_from_slice(&len.to_le_bytes());
        frame[8..16].copy_from_slice(&number.to_le_bytes());
        let sum = seal.long(&frame[..16]);
        frame[16..24].copy_from_slice(&sum.to_le_bytes());
    }

    pub(super) fn decode(bytes: &[u8], seal: Seal) -> Option<Self> {
        let (content, mut sum) = bytes.get(..FRAME_LEN)?.split_at(FRAME_LEN - 8);
        if !content.starts_with(&FRAME_MAGIC) || sum.get_u64_le() != seal.long(content) {
            return None;
        }
        let mut rest = &content[4..];
        Some(Self {
            len: usize::try_from(rest.get_u32_le()).ok()?,
            number: rest.get_u64_le(),
        })
    }

    /// Where the next frame begins, from `from` on.
    pub(super) fn find(bytes: &[u8], from: usize, seal: Seal) -> Option<usize> {
        let rest = bytes.get(from..)?;
        memchr::memmem::find_iter(rest, &FRAME_MAGIC)
            .map(|at| from + at)
            .find(|at| Self::decode(&bytes[*at..], seal).is_some())
    }
}

/// The file of a segment.
pub(super) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:010}.{EXTENSION}"))
}

/// The numbers of the segments in a directory, in order.
pub(super) fn list(directory: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_segment = path.extension().is_some_and(|found| found == EXTENSION);
        let name = path.file_stem().and_then(|name| name.to_str());
        if let Some(number) = name
            .filter(|_| is_segment)
            .and_then(|name| name.parse().ok())
        {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes a segment without frames. There must be none with its number.
pub(super) fn create(directory: &Path, header: &Header) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path(directory, header.number))?;
    file::write_at(&file, &header.encode(), 0)?;
    Ok(file)
}

/// Opens a segment to read and to go on with it.
pub(super) fn open(directory: &Path, number: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path(directory, number))
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_good_copy_of_a_header_is_enough() {
        let header = Header {
            number: 7,
            seal: Seal(3),
            first: 12,
            is_mended: true,
        };
        let bytes = header.encode();
        assert_eq!(bytes.len(), HEADER_LEN);
        for at in 0..HEADER_LEN {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert_eq!(Header::decode(&bytes), Some(header), "byte {at}");
        }
        assert_eq!(Header::decode(&bytes[..COPY_LEN]), Some(header));
        assert_eq!(Header::decode(&bytes[..COPY_LEN - 1]), None);
    }

    #[test]
    fn frames_are_found_by_their_headers_alone() {
        let seal = Seal(3);
        let mut frame = vec![0; FRAME_LEN + 10];
        FrameHeader::fill(&mut frame, 5, seal);
        let expected = FrameHeader { number: 5, len: 10 };
        assert_eq!(FrameHeader::decode(&frame, seal), Some(expected));
        assert_eq!(FrameHeader::decode(&frame, Seal(4)), None);
        assert_eq!(FrameHeader::decode(&frame[..FRAME_LEN - 1], seal), None);
        let mut bytes = FRAME_MAGIC.repeat(30);
        bytes.extend_from_slice(&frame);
        assert_eq!(FrameHeader::find(&bytes, 0, seal), Some(120));
        assert_eq!(FrameHeader::find(&bytes, 121, seal), None);
        assert_eq!(FrameHeader::find(&bytes, 1000, seal), None);
    }
}
