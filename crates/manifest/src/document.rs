//! A manifest as plain values, to be stored, returned and edited.

use weft_model::annotation;
use weft_model::digest::Digest;

use crate::keys;
use crate::names::is_metadata_key;
use crate::tree::{Node, Plain, Value as TreeValue};

mod json;

/// The key of the annotation that holds the version of an application.
pub const VERSION_ANNOTATION: &str = annotation::VERSION;
/// The key of the annotation that describes an application.
pub const DESCRIPTION_ANNOTATION: &str = annotation::DESCRIPTION;

/// A manifest as values in the order of its text, with everything its author wrote, known or not.
///
/// Serialises to the JSON of the application API (spec §9.1, `model.get`) and reads it back. Values that the API has as
/// texts (the names, annotations and labels) are texts here even where the author left out the quotes. Two documents
/// are equal when they have the same values in the same order; compare [`canonical_json`](Self::canonical_json) to
/// ignore the order of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    root: Value,
}

/// A value of a [`Document`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number below zero.
    Negative(i64),
    /// A whole number.
    Natural(u64),
    /// Another finite number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A mapping in the order of the text; its keys are unique.
    Map(Vec<(String, Self)>),
}

/// Where in a manifest a value stands, as far as that decides whether it is a text.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Root,
    Metadata,
    Spec,
    Components,
    Component,
    Policies,
    Policy,
    /// A mapping to texts.
    Texts,
    Text,
    Other,
}

// ===== impl Document =====

impl Document {
    /// The values of a tree; its root is a mapping in every manifest that is of use.
    pub(crate) fn from_tree(root: &Node) -> Self {
        Self {
            root: Value::from_tree(root, Place::Root),
        }
    }

    /// The whole manifest.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// The annotation `key` of the application.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        match self.root.get("metadata")?.get("annotations")?.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The version of the application.
    pub fn version(&self) -> Option<&str> {
        self.annotation(VERSION_ANNOTATION)
    }

    /// Sets the version of the application, replacing the one it has.
    pub fn set_version(&mut self, version: &str) {
        self.set_annotation(VERSION_ANNOTATION, version);
    }

    /// Sets the annotation `key` of the application. A manifest whose `metadata` or `annotations` are of another type
    /// gets new ones.
    pub fn set_annotation(&mut self, key: &str, value: &str) {
        let metadata = self.root.entry("metadata", || Value::Map(Vec::new()));
        let annotations = metadata.entry("annotations", || Value::Map(Vec::new()));
        *annotations.entry(key, || Value::Null) = Value::Text(value.to_owned());
    }

    /// Records the digest of the image of `component`. False, and nothing is changed, where its name cannot stand in the
    /// key of an annotation.
    #[must_use]
    pub fn set_digest(&mut self, component: &str, digest: &Digest) -> bool {
        let key = format!("{}{component}", keys::DIGEST_ANNOTATION_PREFIX);
        let is_key = is_metadata_key(&key);
        if is_key {
            self.set_annotation(&key, &digest.to_string());
        }
        is_key
    }

    /// Removes the annotation `key` of the application, if it is there.
    pub fn remove_annotation(&mut self, key: &str) {
        let annotations = self
            .root
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("annotations"));
        if let Some(Value::Map(annotations)) = annotations {
            annotations.retain(|(name, _)| name != key);
        }
    }

    /// Rewrites the images of all components and providers: each is replaced by what `map` makes of it, or kept where
    /// that is `None`.
    pub fn map_images(&mut self, mut map: impl FnMut(&str) -> Option<String>) {
        for component in self.root.components_mut() {
            let image = component
                .get_mut("properties")
                .and_then(|properties| properties.get_mut("image"));
            if let Some(Value::Text(image)) = image
                && let Some(mapped) = map(image)
            {
                *image = mapped;
            }
        }
    }
}

// ===== impl Value =====

impl Value {
    /// The value under `key`, where this is a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value under `key`, made if it is missing; what is no mapping becomes one.
    fn entry(&mut self, key: &str, default: fn() -> Self) -> &mut Self {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        let Self::Map(entries) = self else {
            unreachable!("the value was made a mapping above");
        };
        let index = match entries.iter().position(|(name, _)| name == key) {
            Some(index) => index,
            None => {
                entries.push((key.to_owned(), default()));
                entries.len() - 1
            }
        };
        &mut entries[index].1
    }

    fn items_mut(&mut self) -> &mut [Self] {
        match self {
            Self::List(items) => items,
            _ => &mut [],
        }
    }

    fn components_mut(&mut self) -> &mut [Self] {
        self.get_mut("spec")
            .and_then(|spec| spec.get_mut("components"))
            .map(Self::items_mut)
            .unwrap_or_default()
    }

    fn from_tree(node: &Node, place: Place) -> Self {
        match &node.value {
            TreeValue::List(items) => Self::List(
                items
                    .iter()
                    .map(|item| Self::from_tree(item, place.item()))
                    .collect(),
            ),
            TreeValue::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|entry| {
                        let value = Self::from_tree(&entry.node, place.field(&entry.key));
                        (entry.key.clone(), value)
                    })
                    .collect(),
            ),
            TreeValue::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => Self::Null,
                _ if place == Place::Text => Self::Text(scalar.text.clone()),
                Plain::Bool(value) => Self::Bool(value),
                Plain::Negative(value) => Self::Negative(value),
                Plain::Natural(value) => Self::Natural(value),
                Plain::Float(value) => Self::Float(value),
                Plain::Text(text) => Self::Text(text.to_owned()),
            },
        }
    }
}

// ===== impl Place =====

impl Place {
    fn field(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "apiVersion" | "kind")
            | (Self::Metadata | Self::Component, "name")
            | (Self::Policy, "name" | "type")
            | (Self::Texts, _) => Self::Text,
            (Self::Root, "metadata") => Self::Metadata,
            (Self::Root, "spec") => Self::Spec,
            (Self::Metadata, "annotations" | "labels") | (Self::Policy, "properties") => {
                Self::Texts
            }
            (Self::Spec, "components") => Self::Components,
            (Self::Spec, "policies") => Self::Policies,
            _ => Self::Other,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Components => Self::Component,
            Self::Policies => Self::Policy,
            _ => Self::Other,
        }
    }
}
