//! Tables for people.

use comfy_table::{ColumnConstraint, ContentArrangement, Table as Layout, presets};

use super::text::printable;

/// Rows under headers. Cells are made printable; an empty cell is shown as `-`.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    headers: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

// ===== impl Table =====

impl Table {
    /// A table without rows. Headers are capital letters.
    pub(crate) fn new(headers: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            headers: headers.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a cell for each header.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells
            .into_iter()
            .map(|cell| {
                let cell = printable(&cell);
                if cell.is_empty() {
                    "-".to_owned()
                } else {
                    cell
                }
            })
            .collect();
        debug_assert_eq!(row.len(), self.headers.len(), "each header has its cell");
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table, headers first, without trailing white space. Where `width` is given, the last column is
    /// wrapped to fit; the others never are, so that what they hold can be copied.
    pub(crate) fn lines(&self, width: Option<u16>) -> Vec<String> {
        let mut layout = Layout::new();
        layout.load_style(presets::NOTHING);
        layout.set_header(self.headers.iter().copied());
        for row in &self.rows {
            layout.add_row(row);
        }
        layout.set_content_arrangement(ContentArrangement::Disabled);
        if let Some(width) = width {
            layout.set_content_arrangement(ContentArrangement::Dynamic);
            layout.set_width(width);
            let fixed = self.headers.len().saturating_sub(1);
            for column in layout.column_iter_mut().take(fixed) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        for column in layout.column_iter_mut() {
            column.set_padding((0, 2));
        }
        layout
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["NAME", "STATUS", "MESSAGE"]);
        table.push([
            "guestbook".to_owned(),
            "failed".to_owned(),
            "the component `web`\nimports what nobody offers".to_owned(),
        ]);
        table.push(["x".to_owned(), String::new(), String::new()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_they_need() {
        assert_eq!(
            table().lines(None),
            [
                "NAME       STATUS  MESSAGE",
                "guestbook  failed  the component `web` imports what nobody offers",
                "x          -       -",
            ]
        );
    }

    #[test]
    fn only_the_last_column_is_wrapped() {
        assert_eq!(
            table().lines(Some(40)),
            [
                "NAME       STATUS  MESSAGE",
                "guestbook  failed  the component `web`",
                "                   imports what nobody",
                "                   offers",
                "x          -       -",
            ]
        );
    }
}
