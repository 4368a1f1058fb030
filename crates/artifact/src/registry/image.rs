//! Names of images in registries.

use std::fmt;

use weft_model::digest::Digest;

const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";
/// Where Docker Hub keeps what has no organisation.
const DOCKER_HUB_LIBRARY: &str = "library/";
pub(super) const LATEST: &str = "latest";
const REPOSITORY_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

/// The name of an image, taken apart.
///
/// The registry and the repository are in lower case, as the 1.9 host makes them; the tag stays as it was written.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Image {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseImageError {
    /// The registry is not a host with an optional port.
    #[error("the registry is not a host name with an optional port")]
    Registry,
    /// The repository is empty, too long, or has characters that may not be in it.
    #[error(
        "the repository has other characters than letters, digits, `.`, `_`, `-` and `/`, or none"
    )]
    Repository,
    /// The tag is empty, too long, or has characters that may not be in it.
    #[error("the tag has other characters than letters, digits, `.`, `_` and `-`, or none")]
    Tag,
    /// The digest is not `sha256:` with 64 digits.
    #[error("the digest is not `sha256:` and 64 hexadecimal digits")]
    Digest,
}

// ===== impl Image =====

impl Image {
    /// Takes apart a name such as `ghcr.io/acme/web:1.0` or `localhost:5000/web@sha256:...`, without scheme. A name
    /// without a registry is one of Docker Hub.
    ///
    /// # Errors
    ///
    /// [`ParseImageError`], saying which part is wrong.
    pub fn parse(name: &str) -> Result<Self, ParseImageError> {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => {
                let digest = digest.parse().map_err(|_| ParseImageError::Digest)?;
                (name, Some(digest))
            }
            None => (name, None),
        };
        let path_start = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[path_start..].split_once(':') {
            Some((last, tag)) => (&name[..path_start + last.len()], Some(tag)),
            None => (name, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ParseImageError::Tag);
        }
        let name = name.to_ascii_lowercase();
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest.to_owned())
            }
            Some(_) => (DOCKER_HUB, name.clone()),
            None => (DOCKER_HUB, format!("{DOCKER_HUB_LIBRARY}{name}")),
        };
        if !is_registry(registry) {
            return Err(ParseImageError::Registry);
        }
        if repository.len() > REPOSITORY_BYTES_MAX || !repository.split('/').all(is_path_part) {
            return Err(ParseImageError::Repository);
        }
        let registry = if registry == "index.docker.io" {
            DOCKER_HUB
        } else {
            registry
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// The registry, with its port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` when there is neither a tag nor a digest.
    pub fn tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some(LATEST),
            (None, Some(_)) => None,
        }
    }

    /// The digest of the manifest, where the name is pinned to one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Whether the name means whatever was pushed last, which the 1.9 host notices only where it is written.
    pub fn is_latest(&self) -> bool {
        self.digest.is_none() && self.tag() == Some(LATEST)
    }

    /// The same image with its tag in lower case, which is what the 1.9 host and its tools make of it; `None` when
    /// it is already.
    pub(super) fn with_lower_tag(&self) -> Option<Self> {
        let lower = self.tag.as_ref()?.to_ascii_lowercase();
        (Some(&lower) != self.tag.as_ref()).then(|| Self {
            tag: Some(lower),
            ..self.clone()
        })
    }

    /// The host that serves the registry.
    pub(super) fn api_host(&self) -> &str {
        if self.registry == DOCKER_HUB {
            DOCKER_HUB_API
        } else {
            &self.registry
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = self.tag() {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn is_registry(text: &str) -> bool {
    let is_host = |host: &str| {
        let is_address = host.starts_with('[') && host.ends_with(']');
        !host.is_empty()
            && host.bytes().all(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'.' | b'-')
                    || is_address && matches!(byte, b'[' | b']' | b':')
            })
    };
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => is_host(host) && port.parse::<u16>().is_ok(),
        _ => is_host(text),
    }
}

fn is_path_part(text: &str) -> bool {
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_edge(text.bytes().next())
        && is_edge(text.bytes().next_back())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_tag(text: &str) -> bool {
    text.len() <= TAG_BYTES_MAX
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let check = |name: &str, expected: &str| {
            assert_eq!(Image::parse(name).unwrap().to_string(), expected);
        };
        check("ghcr.io/acme/web:1.0", "ghcr.io/acme/web:1.0");
        check("GHCR.io/Acme/Web:V1", "ghcr.io/acme/web:V1");
        check("localhost:5000/web", "localhost:5000/web:latest");
        check("[::1]:5000/web:1", "[::1]:5000/web:1");
        check("web", "docker.io/library/web:latest");
        check("acme/web:1", "docker.io/acme/web:1");
        let digest = "sha256:".to_owned() + &"0".repeat(64);
        check(&format!("a.b/c@{digest}"), &format!("a.b/c@{digest}"));
        check(&format!("a.b/c:1@{digest}"), &format!("a.b/c:1@{digest}"));
        for bad in [
            "",
            "/",
            "a.b/",
            "a.b/c:",
            "a.b/c@sha256:0",
            "a.b/../c",
            "a.b:x/c",
            "a.b/c d",
            "a.b/c?d",
            "a.b/c:-",
            "a.b//c",
            "@",
            "u:p@a.b/c",
        ] {
            assert!(Image::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn latest_is_seen_where_it_is_not_written() {
        let is_latest = |name: &str| Image::parse(name).unwrap().is_latest();
        assert!(is_latest("a.b/c"));
        assert!(is_latest("a.b/c:latest"));
        assert!(!is_latest("a.b/c:1"));
        assert!(!is_latest(&format!("a.b/c@sha256:{}", "0".repeat(64))));
    }
}
