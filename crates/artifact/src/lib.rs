//! From a reference to the bytes of an artifact.
//!
//! [`Artifacts`] fetches components and providers: from files, and from OCI registries by way of a cache on disk that
//! processes share. A revision of an application is immutable, files and tags are not: where the digest of an artifact
//! is known, its bytes are kept in a content-addressed store, and a host that starts again finds them there,
//! whatever has become of the file. [`claims`] reads and makes what signs components and providers, [`par`] the archives
//! that providers come in. This crate knows no lattice and no Wasmtime.
//!
//! ```text
//! reference ── file ───────────────────────────────┐
//!           └─ registry ─ tag → manifest → layer ──┴─ store (by digest) ─ component: bytes, claims
//!                         index    HTTP, resumed                        └─ archive ─ executable for a target
//! ```

#![forbid(unsafe_code)]

mod artifacts;
pub mod claims;
mod content;
mod error;
pub mod par;
mod partial;
pub mod progress;
pub mod registry;
mod store;
mod wasm;

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use weft_model::digest::Digest;

pub use artifacts::{Artifacts, Component, Download, Executable};
pub use content::ContentKind;
pub use error::FetchError;
pub use store::{Artifact, Options};
pub use wasm::Wasm;

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
