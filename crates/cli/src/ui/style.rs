//! Styles by meaning; all are empty where colours are off.

use owo_colors::Style;

/// What a text means, as a style. Output reads the same without.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Styles {
    pub(crate) error: Style,
    pub(crate) warning: Style,
    pub(crate) hint: Style,
    pub(crate) header: Style,
    pub(crate) done: Style,
    /// What matters less than the rest.
    pub(crate) aside: Style,
}

// ===== impl Styles =====

impl Styles {
    /// Styles with colours.
    pub(crate) fn coloured() -> Self {
        Self {
            error: Style::new().red().bold(),
            warning: Style::new().yellow().bold(),
            hint: Style::new().cyan().bold(),
            header: Style::new().bold(),
            done: Style::new().green().bold(),
            aside: Style::new().dimmed(),
        }
    }
}
