//! The entry point: text to an application, a document and diagnostics.

use weft_model::application::Application;
use weft_model::reference::Reference;

use crate::assemble::assemble;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity, Sink};
use crate::document::Document;
use crate::keys;
use crate::read::component::{Draft, Kind, read_component};
use crate::read::metadata::{Metadata, check_kind, read_metadata};
use crate::read::secret::read_policies;
use crate::read::{Field, Fields, Reader, Strictness, Unknown};
use crate::span::{Position, Span};
use crate::tree::{Node, Value};
use crate::yaml::parse_tree;

/// How many components and providers one manifest may have.
pub const COMPONENTS_MAX: usize = 1000;

/// What a text says.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The application; there exactly when no diagnostic is an error.
    pub application: Option<Application>,
    /// The values as they were written; there whenever the text is YAML or JSON with a mapping at its root.
    pub document: Option<Document>,
    /// The images of components and providers, in the order of the text; without those that are malformed.
    pub images: Vec<Image>,
    /// All problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// An image that a manifest names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Image {
    /// The name of the component or provider within the manifest.
    pub component: String,
    /// Which of the two it is.
    pub kind: Kind,
    /// The image.
    pub reference: Reference,
    /// Where the reference stands.
    pub span: Span,
}

/// Reads a manifest, YAML or JSON (spec §9.2, §9.3).
///
/// Work is bounded by the limits of this crate, whatever the text: a text beyond them, or one that is no YAML, gives a
/// diagnostic. Fields and traits that are not known stay in the document and have no effect.
pub fn parse(text: &str, strictness: Strictness) -> Parsed {
    let mut reader = Reader {
        sink: Sink::default(),
        strictness,
    };
    let mut parsed = Parsed {
        application: None,
        document: None,
        images: Vec::new(),
        diagnostics: Vec::new(),
    };
    if let Some(root) = parse_tree(text, &mut reader.sink) {
        if matches!(root.value, Value::Map(_)) {
            parsed.document = Some(Document::from_tree(&root));
        }
        if let Some((metadata, drafts)) = read_manifest(&root, &mut parsed.images, &mut reader) {
            let application = assemble(metadata, drafts, &mut reader);
            parsed.application = application.filter(|_| !reader.sink.has_errors());
        }
    }
    parsed.diagnostics = reader.sink.into_sorted();
    parsed
}

/// Reads a manifest as it comes from a file or over the wire; see [`parse`]. Bytes that are not UTF-8 give a diagnostic.
pub fn parse_bytes(bytes: &[u8], strictness: Strictness) -> Parsed {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, strictness),
        Err(error) => {
            let valid = bytes
                .get(..error.valid_up_to())
                .and_then(|valid| std::str::from_utf8(valid).ok())
                .unwrap_or_default();
            let last_line = valid.rsplit('\n').next().unwrap_or_default();
            let position = Position {
                line: valid.matches('\n').count() + 1,
                column: last_line.chars().count() + 1,
            };
            Parsed {
                application: None,
                document: None,
                images: Vec::new(),
                diagnostics: vec![Diagnostic::error(
                    Code::Syntax,
                    "",
                    Span::at(position),
                    "the text is not UTF-8",
                )],
            }
        }
    }
}

// ===== impl Parsed =====

impl Parsed {
    /// Whether the manifest cannot be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads the whole manifest. `None` when there is nothing to put together.
fn read_manifest(
    root: &Node,
    images: &mut Vec<Image>,
    reader: &mut Reader,
) -> Option<(Metadata, Vec<Draft>)> {
    let root = Field {
        node: root,
        key_span: root.span,
        path: String::new(),
    };
    let manifest = Fields::read(&root, keys::MANIFEST, Unknown::Refused, reader)?;
    check_kind(&manifest, reader);
    let metadata = manifest
        .require("metadata", reader)
        .map(|field| read_metadata(&field, reader));
    let spec = manifest.require("spec", reader)?;
    let spec = Fields::read(&spec, keys::SPEC, Unknown::Tolerated, reader)?;
    let policies = read_policies(&spec, reader);
    let components = spec.require("components", reader)?;
    let items = components.items(reader);
    if items.len() > COMPONENTS_MAX {
        reader.report(components.error(
            Code::TooLarge,
            format!(
                "the manifest has {} components, at most {COMPONENTS_MAX} are allowed",
                items.len()
            ),
        ));
        return None;
    }
    let drafts = items
        .iter()
        .filter_map(|item| read_component(item, &policies, images, reader))
        .collect();
    Some((metadata?, drafts))
}
