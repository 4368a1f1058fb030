//! A revision: one manifest, as it was put. Never changed.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use weft_manifest::{Document, Severity, Strictness};
use weft_model::application::Application;
use weft_model::digest::Digest;
use weft_model::id::ApplicationName;
use weft_protocol::json;

use super::key;
use super::record::{FORMAT, RevisionId, check_form};
use crate::error::Error;

/// The entry of a revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RevisionRecord {
    format: u32,
    /// The application.
    #[serde(with = "super::text")]
    pub(crate) name: ApplicationName,
    /// The version under which it was put.
    pub(crate) version: String,
    /// The manifest, with its version.
    pub(crate) manifest: Document,
}

// ===== impl RevisionRecord =====

impl RevisionRecord {
    pub(crate) fn new(name: ApplicationName, version: String, manifest: Document) -> Self {
        Self {
            format: FORMAT,
            name,
            version,
            manifest,
        }
    }

    /// Reads the entry of the revision `id` of `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] or [`Error::NotUnderstood`].
    pub(crate) fn decode(
        name: &ApplicationName,
        id: &RevisionId,
        bytes: &[u8],
    ) -> Result<Self, Error> {
        let key = key::revision(name, id);
        let record: Self = json::decode(bytes).map_err(|source| Error::Unreadable {
            key: key.clone(),
            source,
        })?;
        check_form(&key, record.format, record.name == *name)?;
        Ok(record)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        json::encode(self)
    }

    /// What the manifest asks for.
    ///
    /// # Errors
    ///
    /// [`Error::StoredManifest`] when it has errors by the rules of this version.
    pub(crate) fn application(&self) -> Result<Application, Error> {
        let parsed = weft_manifest::parse(&self.manifest.to_json(), Strictness::Lenient);
        let diagnostics = parsed.diagnostics;
        parsed.application.ok_or_else(|| Error::StoredManifest {
            application: self.name.to_string(),
            reason: diagnostics
                .into_iter()
                .find(|diagnostic| diagnostic.severity == Severity::Error)
                .map(|diagnostic| diagnostic.message)
                .unwrap_or_default(),
        })
    }
}

/// The digest of a manifest in canonical form: the same for manifests that differ in layout and order of keys alone.
pub(crate) fn digest(manifest: &Document) -> Digest {
    Digest::from_bytes(Sha256::digest(manifest.canonical_json().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: { name: shop, annotations: { version: 1.10 } }\nspec:\n  components:\n    - name: web\n      type: component\n      properties: { image: x:1, config: [{ name: c, properties: { n: '007' } }] }\n      traits: [{ type: spreadscaler, properties: { instances: 5 } }]\n";

    #[test]
    fn a_manifest_means_the_same_after_it_was_stored() {
        let parsed = weft_manifest::parse(MANIFEST, Strictness::Lenient);
        let name: ApplicationName = "shop".parse().unwrap();
        let record = RevisionRecord::new(
            name.clone(),
            "1.10".to_owned(),
            parsed.document.clone().unwrap(),
        );
        let id = RevisionId::new("01J");
        let read = RevisionRecord::decode(&name, &id, &record.encode()).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.application().unwrap(), parsed.application.unwrap());
        let other = "other".parse().unwrap();
        assert!(RevisionRecord::decode(&other, &id, &record.encode()).is_err());
    }

    #[test]
    fn layout_does_not_count() {
        let read = |text: &str| {
            let parsed = weft_manifest::parse(text, Strictness::Lenient);
            digest(&parsed.document.unwrap())
        };
        let other = MANIFEST.replace("instances: 5", "instances: 6");
        assert_eq!(
            read(MANIFEST),
            read(&format!("# a comment\n{MANIFEST}\n\n"))
        );
        assert_ne!(read(MANIFEST), read(&other));
    }
}
