//! Provider archives: a tar, often in gzip, with a token and an executable for each target (spec §6.3).
//!
//! Archives come from outside: what is unpacked is bounded in entries and bytes, and nothing is written under a name
//! that an archive gives. Everything here blocks; call it on a thread for blocking work.

mod error;
mod read;
mod write;

use std::fmt;
use std::str::FromStr;

use weft_model::digest::Digest;

use crate::claims::Claims;

pub use error::ArchiveError;
pub use read::{extract, inspect, is_archive};
pub use write::{Builder, Compression};

/// The entry with the token.
const CLAIMS_ENTRY: &str = "claims.jwt";
/// The entry with the WIT package in binary form, and its key among the hashes.
const WORLD_ENTRY: &str = "world.wasm";
/// What names of executables end in.
const EXECUTABLE_EXTENSION: &str = "bin";
const TARGET_CHARS_MAX: usize = 64;

/// A platform that an executable is for: `x86_64-linux`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Target(String);

/// A text is not a target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a target is written as architecture and system, such as `x86_64-linux`")]
pub struct ParseTargetError;

/// What an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries of any kind.
    pub entries_max: usize,
    /// Bytes of one entry.
    pub entry_bytes_max: u64,
    /// Bytes of the whole archive once it is unpacked.
    pub unpacked_bytes_max: u64,
}

/// What an archive holds. Its token and hashes were verified.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What the token says.
    pub claims: Claims,
    /// The token as text.
    pub token: String,
    /// The executables, with their sizes in bytes and digests.
    pub executables: std::collections::BTreeMap<Target, Entry>,
    /// The WIT package.
    pub world: Option<Entry>,
}

/// Size and digest of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
}

// ===== impl Target =====

impl Target {
    /// The platform this program runs on.
    pub fn current() -> Self {
        Self(format!(
            "{}-{}",
            std::env::consts::ARCH,
            std::env::consts::OS
        ))
    }

    /// The target as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match text.split_once('-') {
            Some((architecture, system))
                if text.len() <= TARGET_CHARS_MAX && is_name(architecture) && is_name(system) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ParseTargetError),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// ===== impl Limits =====

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 64,
            entry_bytes_max: 512 << 20,
            unpacked_bytes_max: 2 << 30,
        }
    }
}

#[cfg(test)]
mod tests;
