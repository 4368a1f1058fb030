//! Providers that are part of the host, and which images mean them.

use std::collections::BTreeMap;

use weft_model::application::Config;
use weft_model::reference::{Location, Reference};

use crate::error::Refusal;
use crate::keyvalue::Buckets;
use crate::options::StandIn;

/// The registry path of the images that 1.9 users name.
const IMAGE_PATH: &str = "ghcr.io/wasmcloud/";

/// A provider of this host.
pub(crate) enum Builtin {
    /// The HTTP server.
    HttpServer,
    /// A key-value store.
    KeyValue(Buckets),
}

/// What an image means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    HttpServer,
    KeyValue(KeyValueKind),
}

/// Which key-value store an image means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyValueKind {
    /// The embedded store, asked for by name.
    Embedded,
    /// A store in memory, asked for by name.
    Memory,
    /// The embedded store in the place of Redis: one bucket, whatever name a guest opens.
    InPlaceOfRedis,
    /// The embedded store in the place of NATS: the bucket that the link's config names.
    InPlaceOfNats,
}

// ===== impl Kind =====

impl Kind {
    /// What `image` means; `None` when it is nothing that is part of a host.
    pub(crate) fn of(image: &Reference) -> Option<Self> {
        let name = match image.location() {
            Location::Builtin(name) => Some((name.as_str(), true)),
            Location::Registry(_) => image
                .repository()
                .and_then(|repository| repository.strip_prefix(IMAGE_PATH))
                .map(|name| (name, false)),
            Location::File(_) => None,
        };
        match name? {
            ("http-server", _) => Some(Self::HttpServer),
            ("keyvalue-embedded", true) => Some(Self::KeyValue(KeyValueKind::Embedded)),
            ("keyvalue-memory", true) => Some(Self::KeyValue(KeyValueKind::Memory)),
            ("keyvalue-redis", false) => Some(Self::KeyValue(KeyValueKind::InPlaceOfRedis)),
            ("keyvalue-nats", false) => Some(Self::KeyValue(KeyValueKind::InPlaceOfNats)),
            _ => None,
        }
    }

    /// Whether this host itself is the provider, whose own config is `config`. Otherwise the program of the image is: where a
    /// backend is named, and where none may stand in for the one that the program finds by itself.
    pub(crate) fn is_built_in(self, config: &Config, stand_in: StandIn) -> bool {
        let Self::KeyValue(kind) = self else {
            return true;
        };
        match kind.address_key() {
            Some(_) => stand_in == StandIn::Embedded && kind.named_backend(config).is_none(),
            None => true,
        }
    }
}

// ===== impl KeyValueKind =====

impl KeyValueKind {
    /// The config key that names the backend of the image this stands in for.
    pub(crate) fn address_key(self) -> Option<&'static str> {
        match self {
            Self::InPlaceOfRedis => Some("URL"),
            Self::InPlaceOfNats => Some("cluster_uri"),
            Self::Embedded | Self::Memory => None,
        }
    }

    /// Checks that a config, of the provider or of a link to it, names no backend: data would go elsewhere than it says.
    pub(crate) fn check_config(self, image: &str, config: &Config) -> Result<(), Refusal> {
        match self.named_backend(config) {
            Some(key) => Err(Refusal::BackendNamed {
                key: key.to_owned(),
                reference: image.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The key by which `config` names the backend of the image this stands in for.
    fn named_backend(self, config: &Config) -> Option<&str> {
        let address_key = self.address_key()?;
        let mut keys = config.keys();
        keys.find(|key| key.eq_ignore_ascii_case(address_key))
            .map(String::as_str)
    }

    /// What is said of a backend that stands in for another.
    pub(crate) fn substitution(self) -> Option<&'static str> {
        self.address_key()
            .map(|_| "this host's embedded key-value store, as no backend is named")
    }
}

/// The image as inventories and events tell it: without the scheme of built-ins, as 1.9 hosts do.
pub(crate) fn reported_image(image: &Reference) -> &str {
    match image.location() {
        Location::Builtin(name) => name,
        Location::File(_) | Location::Registry(_) => image.as_str(),
    }
}

/// The value of the first of `keys` that `config` has, without regard to case.
pub(crate) fn find_key<'a>(config: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    config
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(image: &str) -> Option<Kind> {
        Kind::of(&image.parse().unwrap())
    }

    #[test]
    fn images_of_1_9_manifests_are_known() {
        for image in [
            "ghcr.io/wasmcloud/http-server:0.28.0",
            "oci://ghcr.io/wasmcloud/http-server@sha256:00",
            "wasmcloud+builtin://http-server",
        ] {
            assert_eq!(kind_of(image), Some(Kind::HttpServer), "{image}");
        }
        assert_eq!(
            kind_of("ghcr.io/wasmcloud/keyvalue-redis:0.30.0"),
            Some(Kind::KeyValue(KeyValueKind::InPlaceOfRedis))
        );
        for image in [
            "ghcr.io/other/http-server:1",
            "localhost:5000/http-server:1",
            "wasmcloud+builtin://keyvalue-redis",
            "ghcr.io/wasmcloud/blobstore-fs:1",
            "file:///provider.par.gz",
        ] {
            assert_eq!(kind_of(image), None, "{image}");
        }
    }

    #[test]
    fn the_embedded_store_never_stands_in_for_a_backend_that_is_named() {
        let image: Reference = "ghcr.io/wasmcloud/keyvalue-redis:1".parse().unwrap();
        let kind = Kind::of(&image).unwrap();
        let none = Config::new();
        let named = Config::from([("url".to_owned(), "redis://r".to_owned())]);
        assert!(kind.is_built_in(&none, StandIn::Embedded));
        assert!(!kind.is_built_in(&named, StandIn::Embedded));
        assert!(!kind.is_built_in(&none, StandIn::Refused));
        assert!(matches!(
            KeyValueKind::InPlaceOfRedis.check_config(image.as_str(), &named),
            Err(Refusal::BackendNamed { key, .. }) if key == "url"
        ));
        for own in [
            "wasmcloud+builtin://keyvalue-embedded",
            "ghcr.io/wasmcloud/http-server:0.28.0",
        ] {
            let kind = kind_of(own).unwrap();
            assert!(kind.is_built_in(&named, StandIn::Refused), "{own}");
        }
    }
}
