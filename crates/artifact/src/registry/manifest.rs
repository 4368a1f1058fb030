//! Manifests: what an image consists of.

use serde::Deserialize;
use weft_model::digest::Digest;

use super::cause::Unsuitable;

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// What is asked for.
pub(super) const ACCEPTED: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX];

pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(super) const WASM_LAYER: &str = "application/wasm";
pub(super) const PROVIDER_CONFIG: &str = "application/vnd.wasmcloud.provider.archive.config";
pub(super) const PROVIDER_LAYER: &str = "application/vnd.wasmcloud.provider.archive.layer.v1+par";
/// What older tools put components into.
const MODULE_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// What general tools put anything into; it is not unpacked.
const GENERAL_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Layers that are joined.
const LAYERS_MAX: usize = 16;
/// Layers named in messages.
const NAMED_MAX: usize = 4;

/// What an image is pulled for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Component,
    Provider,
    /// Whichever of them it is.
    Any,
}

/// A manifest, or an index of manifests.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

/// The part of an image that matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

// ===== impl Kind =====

impl Kind {
    /// What it is called in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Provider => "provider archive",
            Self::Any => "component or provider archive",
        }
    }

    fn accepts(self, media_type: &str) -> bool {
        media_type == GENERAL_LAYER
            || match self {
                Self::Component => [WASM_LAYER, MODULE_LAYER].contains(&media_type),
                Self::Provider => media_type == PROVIDER_LAYER,
                Self::Any => [WASM_LAYER, MODULE_LAYER, PROVIDER_LAYER].contains(&media_type),
            }
    }
}

// ===== impl Manifest =====

impl Manifest {
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(json).ok()?;
        (manifest.config.is_some() || !manifest.layers.is_empty() || !manifest.manifests.is_empty())
            .then_some(manifest)
    }

    /// The manifest to go on with, where this is an index.
    pub(crate) fn choice(&self, kind: Kind) -> Result<Option<Digest>, Unsuitable> {
        if self.manifests.is_empty() {
            return Ok(None);
        }
        let fitting = self.manifests.iter().find(|entry| {
            entry
                .platform
                .as_ref()
                .is_some_and(|platform| platform.fits(kind))
        });
        let chosen = match (fitting, &self.manifests[..]) {
            (Some(entry), _) => entry,
            (None, [only]) => only,
            _ => {
                return Err(Unsuitable::NoPlatform {
                    wanted: kind.name(),
                });
            }
        };
        chosen.digest().map(Some)
    }

    /// The layer that is the component or archive. Where general tools put it into several, all of them in their order, as
    /// 1.9 reads them.
    pub(crate) fn layers(&self, kind: Kind) -> Result<Vec<Layer>, Unsuitable> {
        let fitting: Vec<&Descriptor> = self
            .layers
            .iter()
            .filter(|layer| kind.accepts(&layer.media_type))
            .collect();
        let is_general = |layer: &&Descriptor| layer.media_type == GENERAL_LAYER;
        let is_wasm = |config: &Descriptor| config.media_type == WASM_CONFIG;
        let is_joined = fitting.len() <= LAYERS_MAX
            && fitting.iter().all(is_general)
            && !self.config.as_ref().is_some_and(is_wasm);
        match fitting[..] {
            [] => Err(Unsuitable::NoLayer {
                wanted: kind.name(),
                found: self
                    .layers
                    .iter()
                    .take(NAMED_MAX)
                    .map(|layer| format!("`{}`", layer.media_type.escape_debug()))
                    .collect(),
            }),
            [_] => to_layers(&fitting),
            _ if is_joined => to_layers(&fitting),
            _ => Err(Unsuitable::ManyLayers {
                wanted: kind.name(),
                count: fitting.len(),
            }),
        }
    }
}

fn to_layers(descriptors: &[&Descriptor]) -> Result<Vec<Layer>, Unsuitable> {
    let layers = descriptors.iter().map(|descriptor| {
        Ok(Layer {
            digest: descriptor.digest()?,
            bytes: descriptor.size,
        })
    });
    layers.collect()
}

// ===== impl Descriptor =====

impl Descriptor {
    fn digest(&self) -> Result<Digest, Unsuitable> {
        self.digest.parse().map_err(|_| Unsuitable::Algorithm)
    }
}

// ===== impl Platform =====

impl Platform {
    fn fits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Component => self.architecture == "wasm" || self.os.starts_with("wasi"),
            Kind::Provider => {
                let architecture = match std::env::consts::ARCH {
                    "x86_64" => "amd64",
                    "aarch64" => "arm64",
                    other => other,
                };
                let system = match std::env::consts::OS {
                    "macos" => "darwin",
                    other => other,
                };
                self.architecture == architecture && self.os == system
            }
            Kind::Any => self.fits(Kind::Component) || self.fits(Kind::Provider),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(layers: &[&str]) -> Manifest {
        let layers: Vec<_> = layers
            .iter()
            .map(|media_type| {
                format!(
                    r#"{{"mediaType":"{media_type}","digest":"sha256:{}","size":3}}"#,
                    "0".repeat(64)
                )
            })
            .collect();
        Manifest::parse(format!(r#"{{"layers":[{}],"config":null}}"#, layers.join(",")).as_bytes())
            .unwrap()
    }

    #[test]
    fn the_layer_is_found_by_its_media_type() {
        let all = [WASM_LAYER, MODULE_LAYER, GENERAL_LAYER, PROVIDER_LAYER];
        let accepted =
            |kind| all.map(|media_type| manifest(&[media_type, "text/plain"]).layers(kind).is_ok());
        assert_eq!(accepted(Kind::Component), [true, true, true, false]);
        assert_eq!(accepted(Kind::Provider), [false, false, true, true]);
        assert_eq!(accepted(Kind::Any), [true; 4]);
        assert!(matches!(
            manifest(&[WASM_LAYER, WASM_LAYER]).layers(Kind::Component),
            Err(Unsuitable::ManyLayers { count: 2, .. })
        ));
        let joined = manifest(&[GENERAL_LAYER, "text/plain", GENERAL_LAYER]);
        assert_eq!(joined.layers(Kind::Component).unwrap().len(), 2);
        let of_wasm = Manifest {
            config: Some(Descriptor {
                media_type: WASM_CONFIG.to_owned(),
                ..joined.layers[0].clone()
            }),
            ..joined
        };
        assert!(of_wasm.layers(Kind::Component).is_err());
        assert_eq!(
            manifest(&["text/plain"])
                .layers(Kind::Component)
                .unwrap_err()
                .to_string(),
            "it has no component, only layers of `text/plain`"
        );
    }

    #[test]
    fn an_index_leads_to_the_manifest_for_the_platform() {
        let entry = |digit: &str, architecture: &str, os: &str| {
            format!(
                r#"{{"mediaType":"{OCI_MANIFEST}","digest":"sha256:{}","size":3,"platform":{{"architecture":"{architecture}","os":"{os}"}}}}"#,
                digit.repeat(64)
            )
        };
        let index = |entries: &[String]| {
            let text = format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
            Manifest::parse(text.as_bytes())
                .unwrap()
                .choice(Kind::Component)
        };
        let (native, wasm) = (entry("1", "amd64", "linux"), entry("2", "wasm", "wasip2"));
        let digest = |digit: &str| {
            Ok(Some(
                format!("sha256:{}", digit.repeat(64)).parse().unwrap(),
            ))
        };
        assert_eq!(index(&[native.clone(), wasm]), digest("2"));
        assert_eq!(index(std::slice::from_ref(&native)), digest("1"));
        assert!(index(&[native.clone(), native]).is_err());
        assert_eq!(manifest(&[WASM_LAYER]).choice(Kind::Component), Ok(None));
    }
}
