//! What is shown of a component or provider archive.

use serde::Serialize;

use crate::artifacts::{ClaimsView, Content, Examined, ParEntry, Wit};
use crate::ui::render_bytes;
use crate::view::SchemaVersion;

/// What a component or provider archive is.
#[derive(Debug, Serialize)]
pub(crate) struct InspectView {
    schema_version: SchemaVersion,
    /// The file or reference.
    source: String,
    /// `component`, `module` or `provider`.
    kind: &'static str,
    /// The digest of its bytes.
    digest: String,
    /// The digest of its manifest, where it is in a registry.
    manifest_digest: Option<String>,
    /// Its size.
    bytes: u64,
    /// What its claims say; `null` when it is not signed.
    claims: Option<ClaimsView>,
    /// What a component imports.
    imports: Vec<String>,
    /// What a component exports.
    exports: Vec<String>,
    /// What an instance needs at least; `null` for archives.
    needs: Option<NeedsView>,
    /// The WIT of a component.
    wit: Option<Wit>,
    /// What is in a provider archive beside the claims.
    entries: Vec<ParEntry>,
}

/// What an instance of a component needs before it does anything: its limits have to allow that.
#[derive(Debug, Serialize)]
struct NeedsView {
    /// Linear memory, all memories together.
    memory_bytes: u64,
    /// Elements of tables, all tables together.
    table_elements: u64,
    /// Core modules.
    modules: usize,
}

// ===== impl InspectView =====

impl InspectView {
    pub(crate) fn new(source: String, examined: Examined) -> Self {
        let mut view = Self {
            schema_version: SchemaVersion,
            source,
            kind: "provider",
            digest: examined.digest,
            manifest_digest: examined.manifest_digest,
            bytes: examined.bytes,
            claims: examined.claims,
            imports: Vec::new(),
            exports: Vec::new(),
            needs: None,
            wit: None,
            entries: Vec::new(),
        };
        match examined.content {
            Content::Wasm { wasm, wit } => {
                view.kind = if wasm.is_component {
                    "component"
                } else {
                    "module"
                };
                view.needs = Some(NeedsView {
                    memory_bytes: wasm.memory_bytes,
                    table_elements: wasm.table_elements,
                    modules: wasm.modules,
                });
                view.imports = wasm.imports;
                view.exports = wasm.exports;
                view.wit = wit;
            }
            Content::Archive { entries } => view.entries = entries,
        }
        view
    }

    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The world of a component, as text.
    pub(super) fn world(&self) -> Option<&str> {
        self.wit.as_ref().map(|wit| wit.world.as_str())
    }

    /// What people read, as names and values.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("kind", self.kind.to_owned()),
            ("size", render_bytes(self.bytes)),
            ("digest", self.digest.clone()),
        ];
        rows.extend(
            self.manifest_digest
                .iter()
                .map(|digest| ("manifest", digest.clone())),
        );
        if let Some(needs) = &self.needs {
            let memory = render_bytes(needs.memory_bytes);
            let text = format!(
                "{memory} of memory, {} table elements to begin with",
                needs.table_elements
            );
            rows.push(("needs", text));
        }
        let entry = |entry: &ParEntry| {
            let size = render_bytes(entry.bytes);
            (
                "holds",
                format!("{} ({size}, {})", entry.name, entry.digest),
            )
        };
        rows.extend(self.entries.iter().map(entry));
        match &self.claims {
            Some(claims) => rows.extend(claims.rows()),
            None => rows.push(("claims", "none, it is not signed".to_owned())),
        }
        rows
    }
}
