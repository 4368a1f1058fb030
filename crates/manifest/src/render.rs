//! Diagnostics as text for people.

use std::fmt::Write as _;

use crate::diagnostic::Diagnostic;

/// How many characters of a source line are shown.
const EXCERPT_CHARACTERS_MAX: usize = 120;
/// How many characters are shown before the place in question, where the line is cut.
const EXCERPT_BEFORE_MAX: usize = 40;

/// Renders `diagnostic` like a compiler: severity and message, `source_name:line:column`, the line of `text` with the
/// place marked, the path in the manifest, and hints. Ends with a line break; has no colours.
///
/// `text` is the text that the diagnostic was made for; for another one the marks are at the wrong place, nothing
/// worse.
pub fn render(source_name: &str, text: &str, diagnostic: &Diagnostic) -> String {
    let Diagnostic {
        severity,
        code,
        subject,
        message,
        span,
        hints,
    } = diagnostic;
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String does not fail.
        let _ = out.write_fmt(text);
        out.push('\n');
    };
    let number = span.start.line.to_string();
    let margin = " ".repeat(number.len());
    line(format_args!("{severity}[{code}]: {message}"));
    line(format_args!("{margin}--> {source_name}:{}", span.start));
    if let Some(source) = text.lines().nth(span.start.line.saturating_sub(1)) {
        let end_column = if span.end.line == span.start.line {
            span.end.column
        } else {
            usize::MAX
        };
        let (shown, marks) = excerpt(source, span.start.column, end_column);
        line(format_args!("{margin} |"));
        line(format_args!("{number} | {shown}"));
        line(format_args!("{margin} | {marks}"));
    }
    if !subject.is_empty() {
        line(format_args!("{margin} = at `{subject}`"));
    }
    for hint in hints {
        line(format_args!("{margin} = hint: {hint}"));
    }
    out
}

/// The part of `source` around the columns, and a line that marks them.
fn excerpt(source: &str, start_column: usize, end_column: usize) -> (String, String) {
    let length = source.trim_end().chars().count();
    let start = start_column.saturating_sub(1);
    let first = if length <= EXCERPT_CHARACTERS_MAX {
        0
    } else {
        start
            .saturating_sub(EXCERPT_BEFORE_MAX)
            .min(length - EXCERPT_CHARACTERS_MAX)
    };
    let last = (first + EXCERPT_CHARACTERS_MAX).min(length);
    let mut shown = String::new();
    let mut marks = String::new();
    if first > 0 {
        shown.push('…');
        marks.push(' ');
    }
    for c in source.chars().skip(first).take(last - first) {
        shown.push(if c.is_control() { ' ' } else { c });
    }
    if last < length {
        shown.push('…');
    }
    let end = end_column.saturating_sub(1).min(last).max(start + 1);
    marks.extend(std::iter::repeat_n(' ', start.saturating_sub(first)));
    marks.extend(std::iter::repeat_n('^', end - start));
    (shown, marks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::span::{Position, Span};

    fn diagnostic(line: usize, start: usize, end: usize) -> Diagnostic {
        let span = Span {
            start: Position {
                line,
                column: start,
            },
            end: Position { line, column: end },
        };
        Diagnostic::error(
            Code::LinkTarget,
            "spec.components[web]",
            span,
            "no such component",
        )
        .hint("write `kv`")
    }

    #[test]
    fn the_place_is_shown_and_marked() {
        let text = "spec:\n  target: kw\n";
        assert_eq!(
            render("app.yaml", text, &diagnostic(2, 11, 13)),
            "error[LNK001]: no such component\n \
             --> app.yaml:2:11\n  \
               |\n\
             2 |   target: kw\n  \
               |           ^^\n  \
             = at `spec.components[web]`\n  \
             = hint: write `kv`\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let rendered = render("app.json", &text, &diagnostic(1, 5001, 5002));
        let lines: Vec<&str> = rendered.lines().collect();
        assert_eq!(lines[3].chars().count(), 4 + 1 + EXCERPT_CHARACTERS_MAX + 1);
        let mark = lines[4].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[3].chars().nth(mark), Some('X'));
    }

    #[test]
    fn a_place_outside_of_the_text_is_no_reason_to_panic() {
        for (line, start, end) in [(9, 1, 1), (1, 900, 2), (1, 1, 900)] {
            assert!(render("x", "abc", &diagnostic(line, start, end)).contains("LNK001"));
        }
    }
}
