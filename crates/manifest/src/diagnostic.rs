//! What is wrong with a manifest, and where.

use std::fmt;

use weft_model::problem::Coded;

use crate::code::Code;
use crate::span::{Position, Span};

/// How many diagnostics are returned for one manifest; one more then counts those that are not.
pub const DIAGNOSTICS_MAX: usize = 100;

/// How many hints one diagnostic has at most.
pub const HINTS_MAX: usize = 2;

/// Whether a manifest can be used in spite of a diagnostic.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Severity {
    /// The manifest cannot be used.
    Error,
    /// The manifest can be used, and may not do what its author expects.
    Warning,
}

/// One problem of a manifest.
///
/// Its `Display` is the message alone; [`render()`](crate::render()) shows the place in the text as well.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// Whether the manifest can be used all the same.
    pub severity: Severity,
    /// The kind of problem.
    pub code: Code,
    /// The path of the value in the manifest, such as `spec.components[web].properties.image`; empty for the whole.
    pub subject: String,
    /// What is wrong: lower case, one line, no final period.
    pub message: String,
    /// Where in the text.
    pub span: Span,
    /// What to do about it, each an action; at most [`HINTS_MAX`].
    pub hints: Vec<String>,
}

/// Collects diagnostics while a manifest is read.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    diagnostics: Vec<Diagnostic>,
}

// ===== impl Severity =====

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

// ===== impl Diagnostic =====

impl Diagnostic {
    /// A problem that makes the manifest unusable.
    pub(crate) fn error(
        code: Code,
        subject: impl Into<String>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            subject: subject.into(),
            message: message.into(),
            span,
            hints: Vec::new(),
        }
    }

    /// A problem that leaves the manifest usable.
    pub(crate) fn warning(
        code: Code,
        subject: impl Into<String>,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, subject, span, message)
        }
    }

    /// Adds advice, unless there is enough already.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if self.hints.len() < HINTS_MAX {
            self.hints.push(hint.into());
        }
        self
    }

    /// Adds the advice to write `nearest`, if there is such a word.
    #[must_use]
    pub(crate) fn hint_nearest(self, nearest: Option<&str>) -> Self {
        match nearest {
            Some(nearest) => self.hint(format!("write `{nearest}`")),
            None => self,
        }
    }
}

impl Coded for Diagnostic {
    fn code(&self) -> &'static str {
        self.code.as_str()
    }

    fn subject(&self) -> String {
        self.subject.clone()
    }

    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }
}

// ===== impl Sink =====

impl Sink {
    /// Takes note of a problem.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether the manifest cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The problems in the order of the text, each once, at most [`DIAGNOSTICS_MAX`] and one that counts the rest.
    ///
    /// An alias shows one place of the text at several paths, hence problems that differ only in their path are one.
    pub(crate) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.diagnostics;
        all.sort_by(|a, b| {
            (a.span, a.severity, a.code, &a.message).cmp(&(b.span, b.severity, b.code, &b.message))
        });
        all.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.message == b.message);
        if all.len() > DIAGNOSTICS_MAX {
            let rest = all.split_off(DIAGNOSTICS_MAX);
            let severity = rest
                .iter()
                .map(|diagnostic| diagnostic.severity)
                .min()
                .unwrap_or(Severity::Warning);
            let span = Span::at(
                rest.first()
                    .map_or(Position::START, |first| first.span.start),
            );
            all.push(Diagnostic {
                severity,
                ..Diagnostic::error(
                    Code::TooLarge,
                    "",
                    span,
                    format!("{} more problems are not shown", rest.len()),
                )
            });
        }
        all
    }
}
