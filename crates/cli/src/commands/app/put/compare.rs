//! What storing a manifest would change.

use std::collections::BTreeMap;

use serde::Serialize;
use weft_lattice::Lattice;
use weft_manifest::{Document, VERSION_ANNOTATION, Value};
use weft_model::id::ApplicationName;

use super::super::AppError;
use super::super::manifest::Manifest;
use super::Revision;
use crate::ui::join_words;
use crate::view::{Block, SchemaVersion, View};

/// What storing a manifest would change.
#[derive(Debug, Serialize)]
pub(crate) struct DryRunView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// What the manifest would be to those stored before.
    revision: Revision,
    /// The newest stored version, with which it is compared; `null` when there is none.
    compared_with: Option<String>,
    /// Names of components and capabilities that it has and the newest version has not.
    added: Vec<String>,
    /// Names of those that are different.
    changed: Vec<String>,
    /// Names of those that it has not.
    removed: Vec<String>,
}

/// Compares `manifest` with the newest stored version of its application.
pub(crate) async fn compare(
    lattice: &Lattice,
    manifest: &Manifest,
) -> Result<DryRunView, AppError> {
    let name = &manifest.application.name;
    let new = &manifest.document;
    if let Some(version) = new.version()
        && let Some(stored) = fetch(lattice, name, Some(version)).await?
        && stored.canonical_json() != new.canonical_json()
    {
        return Err(AppError::VersionTaken {
            name: name.clone(),
            version: version.to_owned(),
        });
    }
    let newest = fetch(lattice, name, None).await?;
    Ok(compare_documents(name.as_str(), newest.as_ref(), new))
}

/// The manifest of `version`, or of the newest one; `None` when there is none.
async fn fetch(
    lattice: &Lattice,
    name: &ApplicationName,
    version: Option<&str>,
) -> Result<Option<Document>, AppError> {
    let stored = lattice
        .applications()
        .manifest(name, version)
        .await
        .map_err(|error| AppError::of(error, lattice.name()))?;
    // What is not a manifest is different from every manifest.
    Ok(stored.map(|stored| serde_json::from_value(stored).unwrap_or_else(|_| empty())))
}

fn compare_documents(name: &str, stored: Option<&Document>, new: &Document) -> DryRunView {
    let before = stored.map(components).unwrap_or_default();
    let after = components(new);
    let only = |some: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        some.keys()
            .filter(|name| !others.contains_key(*name))
            .cloned()
            .collect()
    };
    DryRunView {
        schema_version: SchemaVersion,
        name: name.to_owned(),
        revision: match stored {
            None => Revision::First,
            Some(stored) if is_same(stored, new) => Revision::Stored,
            Some(_) => Revision::New,
        },
        compared_with: stored.and_then(Document::version).map(str::to_owned),
        added: only(&after, &before),
        changed: after
            .iter()
            .filter(|(name, text)| before.get(*name).is_some_and(|before| before != *text))
            .map(|(name, _)| name.clone())
            .collect(),
        removed: only(&before, &after),
    }
}

/// Whether the two say the same. A version that only the stored one has was given to it when it was stored.
fn is_same(stored: &Document, new: &Document) -> bool {
    if new.version().is_some() {
        return stored.canonical_json() == new.canonical_json();
    }
    let mut stored = stored.clone();
    stored.remove_annotation(VERSION_ANNOTATION);
    stored.canonical_json() == new.canonical_json()
}

/// The components and capabilities by name, each as text that is equal when they are: its own entry, and the digest of its
/// image.
fn components(document: &Document) -> BTreeMap<String, String> {
    let entries = document
        .root()
        .get("spec")
        .and_then(|spec| spec.get("components"));
    let Some(Value::List(entries)) = entries else {
        return BTreeMap::new();
    };
    entries
        .iter()
        .filter_map(|entry| {
            let Some(Value::Text(name)) = entry.get("name") else {
                return None;
            };
            let key = format!("{}{name}", weft_manifest::DIGEST_ANNOTATION_PREFIX);
            let digest = document.annotation(&key).unwrap_or_default();
            let text = serde_json::to_value(entry).unwrap_or_default();
            Some((name.clone(), format!("{text} {digest}")))
        })
        .collect()
}

fn empty() -> Document {
    serde_json::from_str("{}").expect("an empty object is a document")
}

// ===== impl View for DryRunView =====

impl View for DryRunView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.name;
        let head = match self.revision {
            Revision::First => format!("`{name}` would be a new application"),
            Revision::New => match &self.compared_with {
                Some(version) => {
                    format!("`{name}` would get a new version, other than `{version}`")
                }
                None => format!("`{name}` would get a new version"),
            },
            Revision::Stored => format!("nothing would change: `{name}` is stored like this"),
        };
        let mut blocks = vec![Block::Line(head)];
        for (what, names) in [
            ("added", &self.added),
            ("changed", &self.changed),
            ("removed", &self.removed),
        ] {
            if !names.is_empty() {
                blocks.push(Block::Line(format!("  {what}: {}", join_words(names))));
            }
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: &str, components: &str) -> Document {
        let text = format!(
            r#"{{"metadata":{{"name":"shop","annotations":{{{version}}}}},"spec":{{"components":[{components}]}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const WEB: &str = r#"{"name":"web","type":"component"}"#;

    #[test]
    fn a_version_given_by_the_manager_is_no_difference() {
        let stored = document(r#""version":"01J""#, WEB);
        let check = |new: Document, expected| {
            let view = compare_documents("shop", Some(&stored), &new);
            assert_eq!(view.revision, expected);
        };
        check(
            document("", r#"{"type":"component","name":"web"}"#),
            Revision::Stored,
        );
        check(document(r#""version":"v2""#, WEB), Revision::New);
        check(document(r#""x":"y""#, WEB), Revision::New);
    }

    #[test]
    fn differences_are_told_by_component() {
        let stored = document(
            r#""weft.digest/web":"sha256:1","version":"v1""#,
            &format!(r#"{WEB},{{"name":"api"}},{{"name":"old"}}"#),
        );
        let new = document(
            r#""weft.digest/web":"sha256:2""#,
            &format!(r#"{WEB},{{"name":"api"}},{{"name":"new"}}"#),
        );
        let view = compare_documents("shop", Some(&stored), &new);
        assert_eq!(view.compared_with.as_deref(), Some("v1"));
        assert_eq!(
            (view.added, view.changed, view.removed),
            (
                vec!["new".to_owned()],
                vec!["web".to_owned()],
                vec!["old".to_owned()]
            )
        );
    }
}
