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

    /// Checks that the provider's own config names no backend, and that one may stand in where none is named.
    ///
    /// # Errors
    ///
    /// [`Refusal::BackendNamed`] or [`Refusal::BackendMissing`], naming the config key.
    pub(crate) fn check(
        self,
        image: &Reference,
        config: &Config,
        stand_in: StandIn,
    ) -> Result<(), Refusal> {
        let Self::KeyValue(kind) = self else {
            return Ok(());
        };
        kind.check_config(image.as_str(), config)?;
        match (kind.address_key(), stand_in) {
            (Some(key), StandIn::Refused) => Err(Refusal::BackendMissing {
                key,
                reference: image.to_string(),
            }),
            _ => Ok(()),
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
        let Some(address_key) = self.address_key() else {
            return Ok(());
        };
        match config
            .keys()
            .find(|key| key.eq_ignore_ascii_case(address_key))
        {
            Some(key) => Err(Refusal::BackendNamed {
                key: key.clone(),
                reference: image.to_owned(),
            }),
            None => Ok(()),
        }
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

    fn kind(image: &str) -> Option<Kind> {
        Kind::of(&image.parse().unwrap())
    }

    #[test]
    fn images_of_1_9_manifests_are_known() {
        for image in [
            "ghcr.io/wasmcloud/http-server:0.28.0",
            "oci://ghcr.io/wasmcloud/http-server@sha256:00",
            "wasmcloud+builtin://http-server",
        ] {
            assert_eq!(kind(image), Some(Kind::HttpServer), "{image}");
        }
        assert_eq!(
            kind("ghcr.io/wasmcloud/keyvalue-redis:0.30.0"),
            Some(Kind::KeyValue(KeyValueKind::InPlaceOfRedis))
        );
        for image in [
            "ghcr.io/other/http-server:1",
            "localhost:5000/http-server:1",
            "wasmcloud+builtin://keyvalue-redis",
            "ghcr.io/wasmcloud/blobstore-fs:1",
            "file:///provider.par.gz",
        ] {
            assert_eq!(kind(image), None, "{image}");
        }
    }

    #[test]
    fn the_embedded_store_never_stands_in_for_a_backend_that_is_named() {
        let image: Reference = "ghcr.io/wasmcloud/keyvalue-redis:1".parse().unwrap();
        let kind = Kind::of(&image).unwrap();
        let none = Config::new();
        let named = Config::from([("url".to_owned(), "redis://r".to_owned())]);
        assert_eq!(kind.check(&image, &none, StandIn::Embedded), Ok(()));
        assert!(matches!(
            kind.check(&image, &named, StandIn::Embedded),
            Err(Refusal::BackendNamed { key, .. }) if key == "url"
        ));
        assert!(matches!(
            kind.check(&image, &none, StandIn::Refused),
            Err(Refusal::BackendMissing { key: "URL", .. })
        ));
        let own: Reference = "wasmcloud+builtin://keyvalue-embedded".parse().unwrap();
        assert_eq!(
            Kind::of(&own)
                .unwrap()
                .check(&own, &named, StandIn::Refused),
            Ok(())
        );
    }
}
