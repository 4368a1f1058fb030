//! Reading archives.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use weft_model::digest::Digest;

use super::error::ArchiveError;
use super::{CLAIMS_ENTRY, Contents, EXECUTABLE_EXTENSION, Entry, Limits, Target, WORLD_ENTRY};
use crate::claims::{Claims, ClaimsError, TOKEN_BYTES_MAX, Token};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Where a tar says that it is one.
const TAR_MAGIC_OFFSET: usize = 257;
const TAR_MAGIC: &[u8] = b"ustar";
const BUFFER_BYTES: usize = 64 * 1024;

/// Counts what is unpacked, and ends it at the bound.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    is_exceeded: &'a Cell<bool>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    token: Option<Token>,
    executables: BTreeMap<Target, Entry>,
    world: Option<Entry>,
}

/// Whether bytes begin as an archive does: gzip or tar.
pub fn is_archive(bytes: &[u8]) -> bool {
    let tar_magic = bytes.get(TAR_MAGIC_OFFSET..TAR_MAGIC_OFFSET + TAR_MAGIC.len());
    bytes.starts_with(&GZIP_MAGIC) || tar_magic == Some(TAR_MAGIC)
}

/// Reads a whole archive, and verifies its token at `now` and the hash of each entry.
///
/// # Errors
///
/// [`ArchiveError`], saying what is wrong.
pub fn inspect(
    archive: impl Read,
    limits: &Limits,
    now: SystemTime,
) -> Result<Contents, ArchiveError> {
    scan(archive, limits, now, |_, _| Ok(()))
}

/// Reads a whole archive as [`inspect`] does, and writes the executable for `target` to `output`. What is in `output`
/// counts only when this succeeds: hashes are compared at the end.
///
/// # Errors
///
/// [`ArchiveError`], saying what is wrong.
pub fn extract(
    archive: impl Read,
    target: &Target,
    output: &mut impl Write,
    limits: &Limits,
    now: SystemTime,
) -> Result<Contents, ArchiveError> {
    let contents = scan(archive, limits, now, |found, bytes| {
        if found == Some(target) {
            output.write_all(bytes)?;
        }
        Ok(())
    })?;
    if contents.executables.contains_key(target) {
        return Ok(contents);
    }
    Err(ArchiveError::NoExecutable {
        target: target.clone(),
        found: contents.executables.into_keys().collect(),
    })
}

/// Goes over all entries; `sink` is given the bytes of executables, with the target, and of the world, without.
pub(super) fn scan(
    mut archive: impl Read,
    limits: &Limits,
    now: SystemTime,
    mut sink: impl FnMut(Option<&Target>, &[u8]) -> io::Result<()>,
) -> Result<Contents, ArchiveError> {
    let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
    (&mut archive)
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .map_err(malformed)?;
    let is_compressed = magic == GZIP_MAGIC;
    let archive = io::Cursor::new(magic).chain(archive);
    let is_exceeded = Cell::new(false);
    let bounded = |inner| Bounded {
        inner,
        left: limits.unpacked_bytes_max,
        is_exceeded: &is_exceeded,
    };
    let found = if is_compressed {
        let plain: Box<dyn Read + '_> = Box::new(MultiGzDecoder::new(archive));
        scan_tar(bounded(plain), limits, &mut sink)
    } else {
        let plain: Box<dyn Read + '_> = Box::new(archive);
        scan_tar(bounded(plain), limits, &mut sink)
    };
    if is_exceeded.get() {
        return Err(ArchiveError::TooLarge {
            bytes_max: limits.unpacked_bytes_max,
        });
    }
    found?.verify(now)
}

fn scan_tar(
    plain: impl Read,
    limits: &Limits,
    sink: &mut impl FnMut(Option<&Target>, &[u8]) -> io::Result<()>,
) -> Result<Found, ArchiveError> {
    let mut found = Found::default();
    let mut archive = tar::Archive::new(plain);
    // Raw: extension headers are entries to skip, instead of names to be read into memory.
    let entries = archive.entries().map_err(malformed)?.raw(true);
    for (index, entry) in entries.enumerate() {
        if index >= limits.entries_max {
            return Err(ArchiveError::TooMany {
                entries_max: limits.entries_max,
            });
        }
        let mut entry = entry.map_err(malformed)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let bytes = entry.size();
        let too_large = |bytes_max| ArchiveError::EntryTooLarge {
            entry: name.clone(),
            bytes,
            bytes_max,
        };
        if bytes > limits.entry_bytes_max {
            return Err(too_large(limits.entry_bytes_max));
        }
        match Name::of(&name) {
            Name::Claims if bytes > TOKEN_BYTES_MAX as u64 => {
                return Err(too_large(TOKEN_BYTES_MAX as u64));
            }
            Name::Claims => {
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(malformed)?;
                let token = Token::parse(&text).map_err(claims_error)?;
                refuse_second(&name, found.token.replace(token))?;
            }
            Name::World => {
                let read = drain(&mut entry, |bytes| sink(None, bytes))?;
                refuse_second(&name, found.world.replace(read))?;
            }
            Name::Executable(target) => {
                let read = drain(&mut entry, |bytes| sink(Some(&target), bytes))?;
                refuse_second(&name, found.executables.insert(target, read))?;
            }
            Name::Unknown => {}
        }
    }
    Ok(found)
}

/// Reads an entry to its end in pieces.
fn drain(
    entry: &mut impl Read,
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Entry, ArchiveError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut hash = Sha256::new();
    let mut bytes = 0;
    loop {
        let length = entry.read(&mut buffer).map_err(malformed)?;
        if length == 0 {
            return Ok(Entry {
                bytes,
                digest: Digest::from_bytes(hash.finalize().into()),
            });
        }
        hash.update(&buffer[..length]);
        bytes += length as u64;
        sink(&buffer[..length]).map_err(|source| ArchiveError::Write {
            source: Arc::new(source),
        })?;
    }
}

fn refuse_second<T>(name: &str, before: Option<T>) -> Result<(), ArchiveError> {
    match before {
        None => Ok(()),
        Some(_) => Err(ArchiveError::Duplicate {
            entry: name.to_owned(),
        }),
    }
}

fn malformed(source: io::Error) -> ArchiveError {
    ArchiveError::Malformed {
        source: Arc::new(source),
    }
}

fn claims_error(source: ClaimsError) -> ArchiveError {
    ArchiveError::Claims { source }
}

/// What an entry is, by its name.
enum Name {
    Claims,
    World,
    Executable(Target),
    Unknown,
}

// ===== impl Name =====

impl Name {
    fn of(name: &str) -> Self {
        let name = name.strip_prefix("./").unwrap_or(name);
        if name == CLAIMS_ENTRY {
            return Self::Claims;
        }
        if name == WORLD_ENTRY {
            return Self::World;
        }
        // The stem is the target; whatever ends the name is for people.
        let path = Path::new(name);
        let is_executable = path.parent() == Some(Path::new(""))
            && path
                .extension()
                .is_none_or(|extension| extension == EXECUTABLE_EXTENSION || extension == "exe");
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        match stem.and_then(|stem| stem.parse().ok()) {
            Some(target) if is_executable => Self::Executable(target),
            _ => Self::Unknown,
        }
    }
}

// ===== impl Found =====

impl Found {
    fn verify(self, now: SystemTime) -> Result<Contents, ArchiveError> {
        let token = self.token.ok_or(ArchiveError::Unsigned)?;
        let claims = token.verify(now).map_err(claims_error)?.clone();
        let Some(provider) = claims.provider() else {
            return Err(claims_error(ClaimsError::Kind {
                subject: claims.subject,
                wanted: "provider",
            }));
        };
        let hashes = &provider.target_hashes;
        for (target, entry) in &self.executables {
            check_hash(&claims, hashes, target.as_str(), entry)?;
        }
        if let Some(world) = &self.world {
            check_hash(&claims, hashes, WORLD_ENTRY, world)?;
        }
        Ok(Contents {
            token: token.as_str().to_owned(),
            executables: self.executables,
            world: self.world,
            claims,
        })
    }
}

fn check_hash(
    claims: &Claims,
    hashes: &BTreeMap<String, String>,
    name: &str,
    entry: &Entry,
) -> Result<(), ArchiveError> {
    let Some(expected) = hashes.get(name) else {
        return Err(ArchiveError::Unlisted {
            entry: name.to_owned(),
        });
    };
    if expected.eq_ignore_ascii_case(&entry.digest.to_hex()) {
        return Ok(());
    }
    Err(claims_error(ClaimsError::Hash {
        subject: format!("{} {name}", claims.subject),
        expected: expected.clone(),
        found: entry.digest.to_hex().to_ascii_uppercase(),
    }))
}

// ===== impl Bounded =====

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(left) => {
                self.left = left;
                Ok(length)
            }
            None => {
                self.is_exceeded.set(true);
                Err(io::ErrorKind::FileTooLarge.into())
            }
        }
    }
}
