//! Pushing components and provider archives (spec §6.2).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use serde::Serialize;
use weft_model::digest::Digest;

use super::cause::{Answered, Unsuitable};
use super::client::{Access, Call, Client, host_of, malformed};
use super::error::RegistryError;
use super::image::Image;
use super::manifest::{OCI_MANIFEST, PROVIDER_CONFIG, PROVIDER_LAYER, WASM_CONFIG, WASM_LAYER};
use super::retry::Backoff;
use crate::content::ContentKind;
use crate::progress::{Step, Teller};
use crate::wasm::Wasm;

/// Imports and exports named in the config of a component.
const NAMES_MAX: usize = 1024;

/// How an artifact is pushed.
#[derive(Clone, Debug, Default)]
pub struct PushOptions {
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// Who made the component, for its config.
    pub author: Option<String>,
    /// The config of a provider archive, in JSON, in the place of an empty one.
    pub provider_config: Option<Bytes>,
}

/// What was pushed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pushed {
    /// The digest of the manifest: what `name@sha256:...` pins to.
    pub manifest: Digest,
    /// The digest of the bytes.
    pub content: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: [Descriptor<'a>; 1],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: String,
    size: usize,
}

/// The config of a Wasm OCI artifact.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<Interfaces>,
}

#[derive(Serialize)]
struct Interfaces {
    exports: Vec<String>,
    imports: Vec<String>,
    target: Option<String>,
}

impl Client {
    /// Pushes a component or provider archive, whichever the bytes are. One with capitals in its tag gets the tag in lower
    /// case too, as hosts of 1.9 find no other.
    pub(crate) async fn push(
        &self,
        image: &Image,
        bytes: Bytes,
        options: &PushOptions,
        teller: &Teller,
    ) -> Result<Pushed, RegistryError> {
        let content = crate::digest(&bytes);
        let unsuitable = || RegistryError::Unsuitable {
            reference: teller.reference.to_string(),
            source: Unsuitable::Content {
                wanted: "component or provider archive",
            },
        };
        let kind = ContentKind::of(&bytes).ok_or_else(unsuitable)?;
        let (config_type, layer_type) = match kind {
            ContentKind::Component => (WASM_CONFIG, WASM_LAYER),
            ContentKind::Archive => (PROVIDER_CONFIG, PROVIDER_LAYER),
        };
        let config: Bytes = match kind {
            ContentKind::Component => wasm_config(&bytes, content, options.author.clone())
                .ok_or_else(unsuitable)?
                .into(),
            ContentKind::Archive => options
                .provider_config
                .clone()
                .unwrap_or(Bytes::from_static(b"{}")),
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            config: Descriptor::new(config_type, &config),
            layers: [Descriptor::new(layer_type, &bytes)],
            annotations: &options.annotations,
        };
        let manifest: Bytes = serde_json::to_vec(&manifest)
            .map_err(|_| unsuitable())?
            .into();
        self.upload(image, config, None, teller).await?;
        self.upload(image, bytes, Some(teller.clone()), teller)
            .await?;
        let pushed = Pushed {
            manifest: crate::digest(&manifest),
            content,
        };
        self.put_manifest(image, manifest.clone(), teller).await?;
        // What 1.9 asks for (spec §6.1). `latest` it is only where that is allowed.
        let lower = image
            .with_lower_tag()
            .filter(|lower| self.options.allows_latest || !lower.is_latest());
        if let Some(lower) = lower {
            self.put_manifest(&lower, manifest, teller).await?;
        }
        teller.tell(Step::Done);
        Ok(pushed)
    }

    /// Uploads a blob that is not there yet.
    async fn upload(
        &self,
        image: &Image,
        bytes: Bytes,
        told: Option<Teller>,
        teller: &Teller,
    ) -> Result<(), RegistryError> {
        let mut backoff = Backoff::new(&self.options, self.options.attempts_max);
        loop {
            match self
                .try_upload(image, bytes.clone(), told.clone(), teller)
                .await
            {
                Ok(()) => return Ok(()),
                Err(error) => backoff.pause(error, teller).await?,
            }
        }
    }

    async fn try_upload(
        &self,
        image: &Image,
        bytes: Bytes,
        told: Option<Teller>,
        teller: &Teller,
    ) -> Result<(), RegistryError> {
        let digest = crate::digest(&bytes);
        let mut call = Call::get(self.endpoint(image, &format!("blobs/{digest}"), teller)?);
        call.method = Method::HEAD;
        call.access = Access::Push;
        match self.call(image, teller, &call).await {
            Ok(_) => return Ok(()),
            Err(RegistryError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        call.method = Method::POST;
        call.url = self.endpoint(image, "blobs/uploads/", teller)?;
        let answer = self.call(image, teller, &call).await?;
        let location = answer
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let place = location
            .and_then(|location| answer.url.join(location).ok())
            .filter(|url| {
                url.scheme() == "https" || url.scheme() == "http" && self.is_insecure(image)
            });
        let mut place =
            place.ok_or_else(|| malformed(&host_of(&answer.url), teller, Answered::NoUpload))?;
        place
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let mut call = Call {
            method: Method::PUT,
            body: bytes,
            access: Access::Push,
            told,
            ..Call::get(place)
        };
        let octets = HeaderValue::from_static("application/octet-stream");
        call.headers.insert(CONTENT_TYPE, octets);
        self.call(image, teller, &call).await.map(drop)
    }

    async fn put_manifest(
        &self,
        image: &Image,
        manifest: Bytes,
        teller: &Teller,
    ) -> Result<(), RegistryError> {
        let name = match image.tag() {
            Some(tag) => tag.to_owned(),
            None => crate::digest(&manifest).to_string(),
        };
        let url = self.endpoint(image, &format!("manifests/{name}"), teller)?;
        let mut call = Call {
            method: Method::PUT,
            body: manifest,
            access: Access::Push,
            ..Call::get(url)
        };
        let media_type = HeaderValue::from_static(OCI_MANIFEST);
        call.headers.insert(CONTENT_TYPE, media_type);
        let mut backoff = Backoff::new(&self.options, self.options.attempts_max);
        loop {
            match self.call(image, teller, &call).await {
                Ok(_) => return Ok(()),
                Err(error) => backoff.pause(error, teller).await?,
            }
        }
    }
}

// ===== impl Descriptor =====

impl<'a> Descriptor<'a> {
    fn new(media_type: &'a str, bytes: &[u8]) -> Self {
        Self {
            media_type,
            digest: crate::digest(bytes).to_string(),
            size: bytes.len(),
        }
    }
}

/// The config of the Wasm OCI artifact.
fn wasm_config(wasm: &[u8], content: Digest, author: Option<String>) -> Option<Vec<u8>> {
    let mut wasm = Wasm::describe(wasm)?;
    wasm.imports.truncate(NAMES_MAX);
    wasm.exports.truncate(NAMES_MAX);
    serde_json::to_vec(&WasmConfig {
        created: Timestamp::now().to_string(),
        author,
        architecture: "wasm",
        os: if wasm.is_component {
            "wasip2"
        } else {
            "wasip1"
        },
        layer_digests: [content.to_string()],
        component: wasm.is_component.then_some(Interfaces {
            imports: wasm.imports,
            exports: wasm.exports,
            target: None,
        }),
    })
    .ok()
}
