//! Text to a tree of values with their places, within bounds.
//!
//! JSON is read the same way: it is YAML. What manifests have no use for is refused rather than guessed at: several
//! documents, tags other than those of the core schema, merge keys, keys that are not plain scalars. Aliases are
//! allowed; what they expand to counts against the bounds before anything is expanded.

use std::rc::Rc;

use granit_parser::{ErrorKind, Marker, Parser, ScanError};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Sink};
use crate::span::{Position, Span};
use crate::tree::Node;

use builder::Builder;

mod builder;

/// The longest manifest that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// How deep lists and mappings may be nested, aliases written out.
pub const DEPTH_MAX: usize = 64;
/// How many values a manifest may have, aliases written out.
pub const NODES_MAX: usize = 100_000;
/// How many bytes all texts of a manifest may have, aliases written out.
pub const EXPANDED_BYTES_MAX: usize = 4 << 20;

/// Reads `text`. `None` when it cannot be read at all or is empty; the reason is then in `sink`.
pub(crate) fn parse_tree(text: &str, sink: &mut Sink) -> Option<Rc<Node>> {
    if text.len() > TEXT_BYTES_MAX {
        sink.report(too_large(
            Span::at(Position::START),
            format!(
                "the manifest has {} bytes, at most {TEXT_BYTES_MAX} are read",
                text.len()
            ),
        ));
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut builder = Builder::new(sink);
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, to_span(span.start, span.end)),
            Err(error) => builder.stop(scan_error(&error)),
        };
        if step.is_err() {
            return None;
        }
    }
    match builder.into_root() {
        Some(root) if !root.is_null() => Some(root),
        _ => {
            sink.report(Diagnostic::error(
                Code::Syntax,
                "",
                Span::at(Position::START),
                "the manifest is empty",
            ));
            None
        }
    }
}

/// `text` if it is short, else its beginning.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut shown: String = text
        .chars()
        .take(CHARACTERS_MAX)
        .flat_map(|c| {
            let is_control = c.is_control();
            let escaped = is_control.then(|| c.escape_debug());
            let plain = (!is_control).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn to_span(start: Marker, end: Marker) -> Span {
    let start = to_position(start);
    Span {
        start,
        end: to_position(end).max(start),
    }
}

fn to_position(marker: Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

fn scan_error(error: &ScanError) -> Diagnostic {
    let span = Span::at(to_position(*error.marker()));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::UnknownAnchor => unsupported(span, "the alias has no anchor before it"),
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => {
            Diagnostic::error(Code::Syntax, "", span, "a tab cannot indent YAML")
                .hint("indent with spaces")
        }
        kind => Diagnostic::error(
            Code::Syntax,
            "",
            span,
            format!("the text is not YAML: {}", one_line(&kind.to_string())),
        ),
    }
}

/// A message that may quote the text, in one line of bounded length.
pub(crate) fn one_line(message: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARACTERS_MAX)
        .collect()
}

fn too_deep(span: Span) -> Diagnostic {
    too_large(
        span,
        format!("lists and mappings are nested more than {DEPTH_MAX} deep"),
    )
}

fn too_large(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(Code::TooLarge, "", span, message)
}

fn unsupported(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(Code::YamlFeature, "", span, message)
}
