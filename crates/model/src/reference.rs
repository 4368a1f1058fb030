//! References to artifacts: where the bytes of a component or provider come from.

use std::fmt;
use std::str::FromStr;

const FILE_SCHEME: &str = "file://";
const BUILTIN_SCHEME: &str = "wasmcloud+builtin://";
/// Schemes that only mark the rest as a registry reference (spec §0).
const REGISTRY_SCHEMES: [&str; 3] = ["oci://", "https://", "http://"];

/// The longest reference that is accepted, in bytes.
pub const REFERENCE_BYTES_MAX: usize = 2048;

/// Where an artifact is.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Location {
    /// A file of the host that loads it; the path as written after `file://`.
    File(String),
    /// A name in an OCI registry, without scheme: `ghcr.io/org/name:tag`.
    Registry(String),
    /// A provider that is part of the host: `http-server`.
    Builtin(String),
}

/// A reference to an artifact, as it was written, with what it means.
///
/// Two references are equal when they were written the same way: inventories, events and commands carry the text, and
/// clients compare it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Reference {
    text: String,
    location: Location,
}

/// Why a text is not a reference.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseReferenceError {
    /// The text is empty.
    #[error("the image reference is empty")]
    Empty,
    /// The text is longer than [`REFERENCE_BYTES_MAX`].
    #[error("the image reference has {bytes} bytes, at most {REFERENCE_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The scheme is there, but nothing or white space or a control character comes after it.
    #[error("`{text}` does not name an image")]
    Malformed {
        /// The text as given.
        text: String,
    },
}

// ===== impl Reference =====

impl Reference {
    /// The reference as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What the reference means.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The name of the image without registry host, path and tag: `keyvalue-redis` for
    /// `ghcr.io/wasmcloud/keyvalue-redis:0.30.0`; `None` for files.
    pub fn image_name(&self) -> Option<&str> {
        match &self.location {
            Location::File(_) => None,
            Location::Builtin(name) => Some(name),
            Location::Registry(name) => {
                let name = name.split_once('@').map_or(name.as_str(), |(name, _)| name);
                let last = name.rsplit('/').next()?;
                Some(last.split_once(':').map_or(last, |(name, _)| name))
            }
        }
    }

    /// The registry name up to the tag or digest: `ghcr.io/wasmcloud/keyvalue-redis`; `None` for files and built-ins.
    pub fn repository(&self) -> Option<&str> {
        let Location::Registry(name) = &self.location else {
            return None;
        };
        let name = name.split_once('@').map_or(name.as_str(), |(name, _)| name);
        let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let end = name[path_start..]
            .find(':')
            .map_or(name.len(), |colon| path_start + colon);
        Some(&name[..end])
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    /// Reads a reference as the 1.9 host does (spec §0): `file://` paths, `wasmcloud+builtin://` names, and a registry
    /// name for everything else, `oci://`, `https://` and `http://` being stripped.
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ParseReferenceError::Empty);
        }
        if text.len() > REFERENCE_BYTES_MAX {
            return Err(ParseReferenceError::TooLong { bytes: text.len() });
        }
        let malformed = || ParseReferenceError::Malformed {
            text: text.to_owned(),
        };
        let location = if let Some(path) = text.strip_prefix(FILE_SCHEME) {
            if path.is_empty() || path.contains(char::is_control) {
                return Err(malformed());
            }
            Location::File(path.to_owned())
        } else {
            let (name, is_builtin) = match text.strip_prefix(BUILTIN_SCHEME) {
                Some(name) => (name, true),
                None => (
                    REGISTRY_SCHEMES
                        .iter()
                        .find_map(|scheme| text.strip_prefix(scheme))
                        .unwrap_or(text),
                    false,
                ),
            };
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(malformed());
            }
            if is_builtin {
                Location::Builtin(name.to_owned())
            } else {
                Location::Registry(name.to_owned())
            }
        };
        Ok(Self {
            text: text.to_owned(),
            location,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, location: Location, image_name: Option<&str>) {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.location(), &location);
        assert_eq!(reference.as_str(), text);
        assert_eq!(reference.image_name(), image_name);
    }

    #[test]
    fn references_are_read_as_the_1_9_host_reads_them() {
        check("file:///a b.wasm", Location::File("/a b.wasm".into()), None);
        check(
            "wasmcloud+builtin://http-server",
            Location::Builtin("http-server".into()),
            Some("http-server"),
        );
        check(
            "oci://ghcr.io/x/y:1",
            Location::Registry("ghcr.io/x/y:1".into()),
            Some("y"),
        );
        check(
            "localhost:5000/x:1",
            Location::Registry("localhost:5000/x:1".into()),
            Some("x"),
        );
        check(
            "y@sha256:0",
            Location::Registry("y@sha256:0".into()),
            Some("y"),
        );
        for bad in ["", " ", "file://", "oci://", "a b"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_repository_ends_before_tag_and_digest() {
        let repository = |text: &str| {
            text.parse::<Reference>()
                .unwrap()
                .repository()
                .map(str::to_owned)
        };
        assert_eq!(
            repository("localhost:5000/x:1"),
            Some("localhost:5000/x".into())
        );
        assert_eq!(
            repository("localhost:5000/x@sha256:0"),
            Some("localhost:5000/x".into())
        );
        assert_eq!(repository("ghcr.io/a/b"), Some("ghcr.io/a/b".into()));
        assert_eq!(repository("file:///x"), None);
    }
}
