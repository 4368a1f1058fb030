//! Entries of provider archives as commands show them.

use serde::Serialize;
use weft_artifact::par::{Contents, Entry};

/// How the WIT package is called among executables.
const WORLD: &str = "world.wasm";

/// An entry of a provider archive.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ParEntry {
    /// The platform that an executable is for, such as `x86_64-linux`, or `world.wasm`.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its digest.
    pub(crate) digest: String,
}

// ===== impl ParEntry =====

impl ParEntry {
    /// All entries beside the claims.
    pub(crate) fn all(contents: &Contents) -> Vec<Self> {
        let entry = |name: String, entry: &Entry| Self {
            name,
            bytes: entry.bytes,
            digest: entry.digest.to_string(),
        };
        let executables = contents.executables.iter();
        executables
            .map(|(target, found)| entry(target.to_string(), found))
            .chain(
                contents
                    .world
                    .iter()
                    .map(|found| entry(WORLD.to_owned(), found)),
            )
            .collect()
    }
}
