//! From the text of a manifest to what is sent: checked, paths made absolute, digests recorded.

mod images;

use std::borrow::Cow;

use weft_manifest::{Diagnostic, Document, Severity, Strictness, parse_bytes};
use weft_model::application::Application;
use weft_model::problem::Coded;

use self::images::prepare_images;
use super::source::Source;
use crate::console::Console;
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::count;

/// A manifest and everything that is wrong or odd about it.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) source: Source,
    /// What it asks for; `None` exactly when there are errors.
    pub(crate) manifest: Option<Manifest>,
    /// All problems, in the order of the text.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A manifest that can be sent.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// What it asks for, with images as they were written.
    pub(crate) application: Application,
    /// The manifest with absolute paths and recorded digests.
    pub(crate) document: Document,
}

/// A manifest has errors.
#[derive(Debug, thiserror::Error)]
#[error("the manifest `{name}` cannot be used: {}", tally(*errors, *warnings))]
pub(crate) struct Unusable {
    name: String,
    errors: usize,
    warnings: usize,
}

/// Checks the manifest in `source` and prepares it for sending. Reads the files of its images.
pub(crate) fn read_manifest(source: Source, strictness: Strictness) -> Reading {
    let parsed = parse_bytes(&source.bytes, strictness);
    let mut diagnostics = parsed.diagnostics;
    let mut document = parsed.document;
    if let Some(document) = &mut document {
        diagnostics.extend(prepare_images(document, &parsed.images, &source.base));
        // Stable: problems of one place stay in the order in which they were found.
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    }
    let manifest = parsed
        .application
        .zip(document)
        .filter(|_| count_severity(&diagnostics, Severity::Error) == 0)
        .map(|(application, document)| Manifest {
            application,
            document,
        });
    Reading {
        source,
        manifest,
        diagnostics,
    }
}

fn count_severity(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .count()
}

/// Numbers of errors and warnings in words.
pub(crate) fn tally(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    }
}

// ===== impl Reading =====

impl Reading {
    /// How many errors there are.
    pub(crate) fn errors(&self) -> usize {
        count_severity(&self.diagnostics, Severity::Error)
    }

    /// How many warnings there are.
    pub(crate) fn warnings(&self) -> usize {
        count_severity(&self.diagnostics, Severity::Warning)
    }

    /// The text that places in diagnostics are about.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.source.bytes)
    }

    /// The manifest, after telling `console` what is wrong or odd about it.
    ///
    /// # Errors
    ///
    /// [`Unusable`] when it has errors.
    pub(crate) fn tell(self, console: &mut Console) -> Result<Manifest, Unusable> {
        let name = &self.source.name;
        let is_unusable = self.manifest.is_none();
        console.diagnose(name, &self.text(), &self.diagnostics, is_unusable);
        let (errors, warnings) = (self.errors(), self.warnings());
        self.manifest.ok_or(Unusable {
            name: self.source.name,
            errors,
            warnings,
        })
    }

    /// That the manifest is not usable.
    pub(crate) fn unusable(&self) -> Unusable {
        Unusable {
            name: self.source.name.clone(),
            errors: self.errors(),
            warnings: self.warnings(),
        }
    }
}

// ===== impl Unusable =====

impl Coded for Unusable {
    fn code(&self) -> &'static str {
        "CLI006"
    }

    fn subject(&self) -> String {
        self.name.clone()
    }

    fn hints(&self) -> Vec<String> {
        vec!["read about a code with `weft explain CODE`".to_owned()]
    }
}

impl From<Unusable> for Failure {
    fn from(error: Unusable) -> Self {
        Self::new(Status::Rejected, &error)
    }
}

#[cfg(test)]
mod tests;
