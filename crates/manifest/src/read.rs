//! Walking a tree: fields, lists and scalars of a stated type, with a diagnostic for whatever is not.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Sink};
use crate::names::nearest;
use crate::tree::Entry;
use crate::yaml::excerpt;

pub(crate) mod component;
pub(crate) mod config;
mod fields;
pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod metadata;
pub(crate) mod scaler;
pub(crate) mod secret;
pub(crate) mod traits;

pub(crate) use fields::{Field, Fields};

/// How strict a manifest is read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Strictness {
    /// Fields that 1.9 does not know are warned about, and kept.
    #[default]
    Lenient,
    /// They are errors.
    Strict,
}

/// What reading needs at every step.
pub(crate) struct Reader {
    pub(crate) sink: Sink,
    pub(crate) strictness: Strictness,
}

/// What a key that is not known means.
#[derive(Clone, Copy)]
pub(crate) enum Unknown {
    /// An error, always.
    Refused,
    /// A warning, or an error for strict readers.
    Tolerated,
}

// ===== impl Reader =====

impl Reader {
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.report(diagnostic);
    }

    fn report_unknown(&mut self, entry: &Entry, path: &str, known: &[&str], unknown: Unknown) {
        let message = format!("there is no field `{}` here", excerpt(&entry.key));
        let path = join(path, &excerpt(&entry.key));
        let is_error = matches!(unknown, Unknown::Refused) || self.strictness == Strictness::Strict;
        let diagnostic = if is_error {
            Diagnostic::error(Code::UnknownField, path, entry.key_span, message)
        } else {
            Diagnostic::warning(Code::UnknownField, path, entry.key_span, message)
        };
        let near = nearest(&entry.key, known.iter().copied());
        let known = || format!("the fields here are {}", quoted(known));
        self.report(match near {
            Some(_) => diagnostic.hint_nearest(near),
            None => diagnostic.hint(known()),
        });
    }
}

/// `path.key`, or `key` alone at the root.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The words in backquotes, with commas.
pub(crate) fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
