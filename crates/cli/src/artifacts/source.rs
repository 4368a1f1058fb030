//! What a command reads: a file, or something in a registry.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytes::Bytes;
use weft_artifact::ContentKind;
use weft_model::reference::{Location, Reference};

use super::error::ArtifactError;

/// What paths begin with that are written without a scheme.
const PATH_STARTS: [&str; 3] = ["./", "../", "/"];
/// What names of files end in, where nothing else tells them from references.
pub(crate) const EXTENSIONS: [&str; 3] = [".wasm", ".par", ".par.gz"];
/// The largest file that is read: as provider archives may be.
const BYTES_MAX: u64 = 512 << 20;

/// Where something is to be read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// A registry.
    Registry(Reference),
}

// ===== impl Source =====

impl Source {
    /// What `text` names: a file where there is one of this name in `directory` or the text looks like one, and a
    /// reference otherwise.
    ///
    /// # Errors
    ///
    /// [`ArtifactError::Reference`], [`ArtifactError::NotPulled`].
    pub(crate) fn of(text: &str, directory: &Path) -> Result<Self, ArtifactError> {
        let path = text.strip_prefix("file://").unwrap_or(text);
        let looks_like_file = path.len() != text.len()
            || PATH_STARTS.iter().any(|start| text.starts_with(start))
            || EXTENSIONS.iter().any(|end| text.ends_with(end));
        let path = directory.join(path);
        if looks_like_file || path.is_file() {
            return Ok(Self::File(path));
        }
        registry_reference(text).map(Self::Registry)
    }
}

/// Reads a reference to a registry.
///
/// # Errors
///
/// [`ArtifactError::Reference`], [`ArtifactError::NotPulled`].
pub(crate) fn registry_reference(text: &str) -> Result<Reference, ArtifactError> {
    let reference = Reference::from_str(text).map_err(|source| ArtifactError::Reference {
        text: text.to_owned(),
        source,
    })?;
    match reference.location() {
        Location::Registry(_) => Ok(reference),
        Location::File(_) | Location::Builtin(_) => Err(ArtifactError::NotPulled {
            reference: text.to_owned(),
        }),
    }
}

/// Reads a file, whatever it is.
pub(crate) fn read_file(path: &Path) -> Result<Bytes, ArtifactError> {
    weft_artifact::read_file(path, BYTES_MAX).map_err(ArtifactError::Fetch)
}

/// Reads a file that has to be WebAssembly.
pub(crate) fn read_wasm(path: &Path) -> Result<Bytes, ArtifactError> {
    let bytes = read_file(path)?;
    match ContentKind::of(&bytes) {
        Some(ContentKind::Component) => Ok(bytes),
        _ => Err(ArtifactError::Content {
            path: path.to_owned(),
            wanted: "a component",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_references() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("plain"), "").unwrap();
        let check = |text: &str, is_file: bool| {
            let source = Source::of(text, dir.path()).unwrap();
            assert_eq!(matches!(source, Source::File(_)), is_file, "{text}");
        };
        for text in [
            "plain",
            "none.wasm",
            "./none",
            "/none",
            "file:///none",
            "a/echo.par.gz",
        ] {
            check(text, true);
        }
        for text in [
            "ghcr.io/a/b:1",
            "oci://ghcr.io/a/b:1",
            "localhost:5000/b:1",
            "b",
        ] {
            check(text, false);
        }
        assert!(Source::of("wasmcloud+builtin://http-server", dir.path()).is_err());
    }
}
