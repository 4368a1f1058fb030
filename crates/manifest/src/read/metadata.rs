//! `apiVersion`, `kind` and `metadata`.

use weft_model::annotation::ADOPT;
use weft_model::digest::Digest;
use weft_model::id::{ApplicationName, ID_BYTES_MAX};

use super::{Field, Fields, Reader, Unknown, quoted};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document::{DESCRIPTION_ANNOTATION, VERSION_ANNOTATION};
use crate::names::is_metadata_key;
use crate::span::Span;
use crate::yaml::excerpt;
use crate::{API_VERSION, DIGEST_ANNOTATION_PREFIX, KIND, keys};

/// The word that asks for the newest version, and so is none itself (spec §9.3).
const LATEST: &str = "latest";

/// What the metadata of a manifest says.
#[derive(Default)]
pub(crate) struct Metadata {
    /// `None` when it is missing or not allowed.
    pub(crate) name: Option<ApplicationName>,
    pub(crate) version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) adopts: Option<String>,
    pub(crate) digests: Vec<RecordedDigest>,
}

/// The digest of a component's image, as its author recorded it.
pub(crate) struct RecordedDigest {
    pub(crate) component: String,
    pub(crate) digest: Digest,
    pub(crate) path: String,
    pub(crate) key_span: Span,
}

/// Checks `apiVersion` and `kind`.
pub(crate) fn check_kind(manifest: &Fields<'_>, reader: &mut Reader) {
    for (key, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let Some(field) = manifest.require(key, reader) else {
            continue;
        };
        let Some(text) = field.text_as_written(reader) else {
            continue;
        };
        if text != expected {
            let message = format!("`{key}` is `{}`, not `{expected}`", excerpt(text));
            reader.report(
                field
                    .error(Code::WrongKind, message)
                    .hint(format!("write `{key}: {expected}`")),
            );
        }
    }
}

/// Reads `metadata`.
pub(crate) fn read_metadata(field: &Field<'_>, reader: &mut Reader) -> Metadata {
    let mut metadata = Metadata::default();
    let Some(fields) = Fields::read(field, keys::METADATA, Unknown::Tolerated, reader) else {
        return metadata;
    };
    metadata.name = fields
        .require("name", reader)
        .and_then(|field| read_name(&field, reader));
    if let Some(labels) = fields.get("labels") {
        for (key, field) in labels.pairs(reader) {
            check_key("label", key, &field, reader);
            field.text_as_written(reader);
        }
    }
    match fields.get("annotations") {
        Some(annotations) => read_annotations(&annotations, &mut metadata, reader),
        None => reader.report(
            fields
                .missing("annotations")
                .hint("add `annotations: {}`; wadm requires it too"),
        ),
    }
    metadata
}

fn read_annotations(annotations: &Field<'_>, metadata: &mut Metadata, reader: &mut Reader) {
    for (key, field) in annotations.pairs(reader) {
        check_key("annotation", key, &field, reader);
        let Some(text) = field.text_as_written(reader) else {
            continue;
        };
        if key == VERSION_ANNOTATION {
            metadata.version = read_version(text, &field, reader);
        } else if key == DESCRIPTION_ANNOTATION {
            metadata.description = Some(text.to_owned());
        } else if key == ADOPT {
            metadata.adopts = Some(text.to_owned());
        } else if let Some(component) = key.strip_prefix(DIGEST_ANNOTATION_PREFIX) {
            match text.parse() {
                Ok(digest) => metadata.digests.push(RecordedDigest {
                    component: component.to_owned(),
                    digest,
                    path: field.path,
                    key_span: field.key_span,
                }),
                Err(error) => {
                    let error: weft_model::digest::ParseDigestError = error;
                    reader.report(field.error(Code::DigestAnnotation, error.to_string()));
                }
            }
        }
    }
}

fn read_name(field: &Field<'_>, reader: &mut Reader) -> Option<ApplicationName> {
    let text = field.text_as_written(reader)?;
    match text.parse::<ApplicationName>() {
        // The name as it was written is what clients ask for.
        Ok(name) if name.as_str() == text => Some(name),
        Ok(_) => {
            reader.report(field.error(
                Code::ApplicationName,
                "the application name has white space around it",
            ));
            None
        }
        Err(error) => {
            reader.report(
                field
                    .error(Code::ApplicationName, error.to_string())
                    .hint("use letters, digits, `-` and `_`"),
            );
            None
        }
    }
}

fn read_version(text: &str, field: &Field<'_>, reader: &mut Reader) -> Option<String> {
    let message = if text == LATEST {
        format!("`{LATEST}` stands for the newest version and cannot be the name of one")
    } else if text.trim().is_empty() {
        "the version is empty".to_owned()
    } else if text.len() > ID_BYTES_MAX {
        format!("the version has more than {ID_BYTES_MAX} bytes")
    } else if text.contains(char::is_control) {
        "the version has control characters in it".to_owned()
    } else {
        return Some(text.to_owned());
    };
    reader.report(
        field
            .error(Code::Version, message)
            .hint("write a version such as `v1.0.0`, or leave it out to be given one"),
    );
    None
}

fn check_key(kind: &str, key: &str, field: &Field<'_>, reader: &mut Reader) {
    if !is_metadata_key(key) {
        let hint = format!(
            "write it as {}: at most 63 letters, digits, `-`, `_` and `.`, a DNS name before the slash",
            quoted(&["name", "prefix.example/name"])
        );
        reader.report(
            Diagnostic::error(
                Code::MetadataKey,
                field.path.clone(),
                field.key_span,
                format!("`{}` cannot be the key of an {kind}", excerpt(key))
                    .replace("an label", "a label"),
            )
            .hint(hint),
        );
    }
}
