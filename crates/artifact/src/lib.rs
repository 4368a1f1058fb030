//! From a reference to the bytes of an artifact.
//!
//! A revision of an application is immutable, files are not: where the digest of an artifact is known, its bytes are
//! kept in a content-addressed [`Store`], and a host that starts again finds them there, whatever has become of the file.

#![forbid(unsafe_code)]

pub mod claims;
mod error;
pub mod par;
mod store;

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weft_model::digest::Digest;

pub use error::FetchError;
pub use store::{Artifact, Options, Store};

/// The digest of `bytes`.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// Reads a file of at most `bytes_max`. Blocks on the disk.
///
/// # Errors
///
/// [`FetchError`], naming the path.
pub fn read_file(path: &Path, bytes_max: u64) -> Result<Bytes, FetchError> {
    store::read_bounded(path, bytes_max)
}
