//! Views as text.

use clap::ValueEnum;
use serde::Serialize;

use crate::view::View;

/// The form in which data is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people
    #[default]
    Table,
    /// A table with more columns
    Wide,
    /// JSON, with the version of its schema
    Json,
    /// The same as YAML
    Yaml,
    /// Names alone, one per line, fit for arguments
    Name,
}

// ===== impl Format =====

impl Format {
    /// Whether it is read by people rather than by programs.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// `value` as JSON on several lines.
pub(crate) fn render_json<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value);
    text.expect(WHY_SERIALIZES) + "\n"
}

/// `value` as JSON on one line.
pub(crate) fn render_json_line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect(WHY_SERIALIZES) + "\n"
}

/// `value` as YAML.
pub(crate) fn render_yaml<T: Serialize>(value: &T) -> String {
    serde_saphyr::to_string(value).expect(WHY_SERIALIZES)
}

/// The names in `view`, one per line.
pub(crate) fn render_names<V: View>(view: &V) -> String {
    view.names()
        .iter()
        .map(|name| crate::ui::printable(name) + "\n")
        .collect()
}

const WHY_SERIALIZES: &str = "views have text keys, and writing to memory does not fail";
