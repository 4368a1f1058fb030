//! Reading a manifest that somebody put.

use std::fmt::Write as _;

use serde::de::IgnoredAny;
use weft_lattice::Headers;
use weft_manifest::{Diagnostic, Document, Parsed, Severity, Strictness};
use weft_model::application::Application;
use weft_model::problem::Problem;
use weft_protocol::application::{ErrorReply, ProblemEntry};
use weft_protocol::{json, wire};

use crate::error::Error;

/// What diagnostics call the manifest.
const SOURCE: &str = "manifest";

/// A manifest that can be stored.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) application: Application,
    pub(super) document: Document,
    /// What is odd about it.
    pub(super) warnings: Vec<Diagnostic>,
}

/// How a manifest is to be read, by the headers of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Whether it is said to be JSON. YAML is read in any case, and JSON is YAML.
    is_json: bool,
    strictness: Strictness,
}

/// Reads a manifest.
///
/// # Errors
///
/// The reply that refuses it, with all that is wrong.
pub(super) fn read(payload: &[u8], reading: Reading) -> Result<Accepted, ErrorReply> {
    if reading.is_json
        && let Err(error) = json::decode::<IgnoredAny>(payload)
    {
        return Err(ErrorReply::of(&Problem::new(&Error::NotJson(error))));
    }
    let parsed = weft_manifest::parse_bytes(payload, reading.strictness);
    match parsed {
        Parsed {
            application: Some(application),
            document: Some(document),
            diagnostics,
            ..
        } => Ok(Accepted {
            application,
            document,
            warnings: diagnostics,
        }),
        Parsed { diagnostics, .. } => Err(refuse(diagnostics)),
    }
}

/// One line for each diagnostic: place, severity, code and message.
pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let Diagnostic {
            severity,
            code,
            subject,
            message,
            span,
            hints,
        } = diagnostic;
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "\n{SOURCE}:{}: {severity}[{code}]: {message}",
            span.start
        );
        if !subject.is_empty() {
            let _ = write!(text, " (at `{subject}`)");
        }
        for hint in hints {
            let _ = write!(text, "; {hint}");
        }
    }
    text
}

/// The diagnostics as entries of a reply.
pub(super) fn entries(diagnostics: &[Diagnostic]) -> Vec<ProblemEntry> {
    diagnostics
        .iter()
        .map(|diagnostic| ProblemEntry::from(&Problem::new(diagnostic)))
        .collect()
}

fn refuse(mut diagnostics: Vec<Diagnostic>) -> ErrorReply {
    // Errors first: they are what has to be done something about.
    diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let plural = if errors == 1 { "" } else { "s" };
    ErrorReply {
        weft_problems: entries(&diagnostics),
        ..ErrorReply::new(&format!(
            "the manifest has {errors} error{plural}{}",
            render(&diagnostics)
        ))
    }
}

// ===== impl Reading =====

impl Reading {
    pub(super) fn of(headers: &Headers) -> Self {
        let value = |name: &str| {
            let mut headers = headers.iter();
            let found = headers.find(|(one, _)| one.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        let content_type = value(wire::header::CONTENT_TYPE).unwrap_or_default();
        // A content type may have parameters.
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_strict = value(wire::header::STRICT).is_some_and(|text| text == "true");
        Self {
            is_json: media_type.eq_ignore_ascii_case(wire::JSON_CONTENT_TYPE),
            strictness: if is_strict {
                Strictness::Strict
            } else {
                Strictness::Lenient
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: { name: shop, annotations: {} }\nspec:\n  components:\n    - { name: web, type: component, properties: { image: 'x:1' }, traits: [{ type: odd }] }\n";

    fn reading(headers: &[(&str, &str)]) -> Reading {
        let pairs = headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Reading::of(&pairs.collect())
    }

    #[test]
    fn all_that_is_wrong_is_told_one_line_each() {
        let text = "apiVersion: v1\nkind: Application\nmetadata: { name: bad app }\nspec: { components: [] }\n";
        let reply = read(text.as_bytes(), reading(&[])).unwrap_err();
        let lines: Vec<&str> = reply.message.lines().collect();
        assert_eq!(lines[0], "the manifest has 3 errors");
        assert_eq!(lines.len(), 4);
        assert!(
            lines[1].starts_with("manifest:1:13: error[APP008]: `apiVersion` is `v1`"),
            "{}",
            lines[1]
        );
        let codes: Vec<&str> = reply
            .weft_problems
            .iter()
            .map(|problem| problem.code.as_str())
            .collect();
        assert_eq!(codes, ["APP008", "APP006", "APP009"]);
    }

    #[test]
    fn what_is_odd_is_an_error_for_the_strict_alone() {
        let accepted = read(GOOD.as_bytes(), reading(&[])).unwrap();
        assert_eq!(accepted.application.name.as_str(), "shop");
        assert!(!accepted.warnings.is_empty());
        assert!(render(&accepted.warnings).starts_with("\nmanifest:6:"));
        let unknown = GOOD.replace("type: component", "type: component, colour: red");
        assert!(read(unknown.as_bytes(), reading(&[])).is_ok());
        assert!(read(unknown.as_bytes(), reading(&[("weft-strict", "true")])).is_err());
    }

    #[test]
    fn the_content_type_says_what_it_is() {
        let json = reading(&[("Content-Type", "application/json; charset=utf-8")]);
        let refused = read(GOOD.as_bytes(), json).unwrap_err();
        assert_eq!(refused.weft_problems[0].code, "MGR009");
        let accepted = read(GOOD.as_bytes(), reading(&[])).unwrap();
        let text = accepted.document.to_json();
        assert!(read(text.as_bytes(), json).is_ok());
        assert!(
            read(
                text.as_bytes(),
                reading(&[("content-type", "application/yaml")])
            )
            .is_ok()
        );
    }

    #[test]
    fn hostile_texts_are_refused() {
        let brackets = "[".repeat(1 << 20);
        for payload in [
            brackets.as_bytes(),
            b"{".repeat(1 << 20).as_slice(),
            b"not json",
            b"\xff\xfe",
            b"",
        ] {
            for headers in [&[][..], &[("Content-Type", "application/json")][..]] {
                let reply = read(payload, reading(headers)).unwrap_err();
                assert!(reply.message.len() < 2000, "{}", reply.message.len());
                assert!(!reply.weft_problems.is_empty());
            }
        }
    }
}
