//! Values with their places, and reading them as what they have to be.

use weft_model::application::Config;

use super::{Reader, Unknown, join};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use crate::tree::{Entry, Node, Plain, Value};
use crate::yaml::excerpt;

/// A value with the place it stands at.
#[derive(Clone)]
pub(crate) struct Field<'n> {
    pub(crate) node: &'n Node,
    /// Where its key stands; for an item of a list, where it stands itself.
    pub(crate) key_span: Span,
    /// Such as `spec.components[web].properties.image`.
    pub(crate) path: String,
}

/// A mapping with known keys.
pub(crate) struct Fields<'n> {
    entries: &'n [Entry],
    span: Span,
    pub(crate) path: String,
}

// ===== impl Fields =====

impl<'n> Fields<'n> {
    /// Reads a mapping with the keys `known`. `None` when it is something else.
    pub(crate) fn read(
        field: &Field<'n>,
        known: &[&'static str],
        unknown: Unknown,
        reader: &mut Reader,
    ) -> Option<Self> {
        let entries = field.entries(reader)?;
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                reader.report_unknown(entry, &field.path, known, unknown);
            }
        }
        Some(Self {
            entries,
            span: field.node.span,
            path: field.path.clone(),
        })
    }

    /// The same fields under another path.
    pub(crate) fn at(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// The value of `key`, unless it is missing or says nothing.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'n>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .filter(|entry| !entry.node.is_null())
            .map(|entry| Field {
                node: &entry.node,
                key_span: entry.key_span,
                path: join(&self.path, key),
            })
    }

    /// The value of `key`; missing, it is reported.
    pub(crate) fn require(&self, key: &str, reader: &mut Reader) -> Option<Field<'n>> {
        let field = self.get(key);
        if field.is_none() {
            reader.report(self.missing(key));
        }
        field
    }

    /// Where a problem of the whole mapping is shown: its first key.
    pub(crate) fn head(&self) -> Span {
        match self.entries.first() {
            Some(entry) => entry.key_span,
            None => self.span,
        }
    }

    /// What to say when `key` is missing.
    pub(crate) fn missing(&self, key: &str) -> Diagnostic {
        // The key may be there without a value; then that is the place to look at.
        let span = self
            .entries
            .iter()
            .find(|entry| entry.key == key)
            .map_or_else(|| self.head(), |entry| entry.key_span);
        let message = if self.path.is_empty() {
            format!("the manifest has no `{key}`")
        } else {
            format!("`{key}` is missing")
        };
        Diagnostic::error(Code::MissingField, join(&self.path, key), span, message)
    }
}

// ===== impl Field =====

impl<'n> Field<'n> {
    /// Where the value stands: all of a scalar, the key of anything larger.
    pub(crate) fn span(&self) -> Span {
        match self.node.value {
            Value::Scalar(_) => self.node.span,
            Value::List(_) | Value::Map(_) => self.key_span,
        }
    }

    /// An error about this value.
    pub(crate) fn error(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.path.clone(), self.span(), message)
    }

    /// A warning about this value.
    pub(crate) fn warning(&self, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(code, self.path.clone(), self.span(), message)
    }

    fn wrong_type(&self, expected: &str) -> Diagnostic {
        self.error(
            Code::WrongType,
            format!("expected {expected}, found {}", self.node.kind()),
        )
    }

    /// The text of a scalar that is neither number nor boolean.
    pub(crate) fn text(&self, reader: &mut Reader) -> Option<&'n str> {
        match &self.node.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Plain::Text(text) => Some(text),
                Plain::Null => {
                    reader.report(self.wrong_type("a text"));
                    None
                }
                _ => {
                    reader.report(self.wrong_type("a text").hint(format!(
                        "put quotes around it: `\"{}\"`",
                        excerpt(&scalar.text)
                    )));
                    None
                }
            },
            Value::List(_) | Value::Map(_) => {
                reader.report(self.wrong_type("a text"));
                None
            }
        }
    }

    /// The text of a scalar as it was written, be it a number or not: so wadm reads names, annotations and labels.
    pub(crate) fn text_as_written(&self, reader: &mut Reader) -> Option<&'n str> {
        match &self.node.value {
            Value::Scalar(scalar) if !self.node.is_null() => Some(&scalar.text),
            _ => {
                reader.report(self.wrong_type("a text"));
                None
            }
        }
    }

    /// A whole number from zero to `max`.
    pub(crate) fn natural(&self, max: u64, reader: &mut Reader) -> Option<u64> {
        match &self.node.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Plain::Natural(number) if number <= max => Some(number),
                Plain::Natural(_) | Plain::Negative(_) | Plain::Float(_) => {
                    reader.report(self.error(
                        Code::Quantity,
                        format!(
                            "`{}` is not a whole number from 0 to {max}",
                            excerpt(&scalar.text)
                        ),
                    ));
                    None
                }
                _ => {
                    reader.report(self.wrong_type("a whole number"));
                    None
                }
            },
            Value::List(_) | Value::Map(_) => {
                reader.report(self.wrong_type("a whole number"));
                None
            }
        }
    }

    /// The items of a list. Anything else is reported and has none.
    pub(crate) fn items(&self, reader: &mut Reader) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            reader.report(self.wrong_type("a list"));
            return Vec::new();
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| Self {
                node,
                key_span: node.span,
                path: format!("{}[{index}]", self.path),
            })
            .collect()
    }

    /// The pairs of a mapping. `None` for anything else, which is reported.
    fn entries(&self, reader: &mut Reader) -> Option<&'n [Entry]> {
        match &self.node.value {
            Value::Map(entries) => Some(entries),
            _ => {
                reader.report(self.wrong_type("a mapping"));
                None
            }
        }
    }

    /// The fields of a mapping with free keys. Anything else is reported and has none.
    pub(crate) fn pairs(&self, reader: &mut Reader) -> Vec<(&'n str, Self)> {
        self.entries(reader)
            .unwrap_or_default()
            .iter()
            .map(|entry| {
                let field = Self {
                    node: &entry.node,
                    key_span: entry.key_span,
                    path: join(&self.path, &entry.key),
                };
                (entry.key.as_str(), field)
            })
            .collect()
    }

    /// A mapping from text to text whose values are reported with `code` where they are anything else.
    pub(crate) fn texts(&self, code: Code, reader: &mut Reader) -> Config {
        let mut texts = Config::new();
        for (key, field) in self.pairs(reader) {
            let text = match &field.node.value {
                Value::Scalar(scalar) => match scalar.resolve() {
                    Plain::Text(text) => Ok(text),
                    Plain::Null => Err(Some("")),
                    _ => Err(Some(scalar.text.as_str())),
                },
                Value::List(_) | Value::Map(_) => Err(None),
            };
            match text {
                Ok(text) => {
                    texts.insert(key.to_owned(), text.to_owned());
                }
                Err(scalar) => {
                    let diagnostic = field.error(
                        code,
                        format!(
                            "the value of `{}` is {}, it has to be a text",
                            excerpt(key),
                            field.node.kind()
                        ),
                    );
                    reader.report(match scalar {
                        Some(text) => diagnostic.hint(format!(
                            "write a text: `{}: \"{}\"`",
                            excerpt(key),
                            excerpt(text)
                        )),
                        None => diagnostic,
                    });
                }
            }
        }
        texts
    }
}
