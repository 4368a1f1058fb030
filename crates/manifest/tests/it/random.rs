//! Whatever the text, reading it ends with a value and a list, never with a panic.

use proptest::prelude::*;
use weft_manifest::{Document, Strictness, parse, render};

fn check(text: &str) -> Result<(), TestCaseError> {
    for strictness in [Strictness::Lenient, Strictness::Strict] {
        let parsed = parse(text, strictness);
        prop_assert_eq!(parsed.application.is_some(), !parsed.has_errors());
        for diagnostic in &parsed.diagnostics {
            prop_assert!(diagnostic.span.start <= diagnostic.span.end);
            prop_assert!(!diagnostic.message.contains('\n'));
            prop_assert!(diagnostic.hints.len() <= weft_manifest::HINTS_MAX);
            render("x.yaml", text, diagnostic);
        }
        let Some(document) = parsed.document else {
            continue;
        };
        let json = document.to_json();
        let back: Document = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&back, &document);
        // JSON is YAML: what is printed reads as the same application.
        if let Some(application) = parsed.application {
            prop_assert_eq!(parse(&json, strictness).application, Some(application));
        }
    }
    Ok(())
}

/// A manifest that is right but for one line, which is put, cut out or spoilt at random.
const GOOD: &str = include_str!("../cases/everything.yaml");

proptest! {
    #[test]
    fn random_text_is_survived(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn random_yaml_is_survived(text in r#"([-?:,\[\]{}#&*!|>'"%@` \n\ta0~<]|: |- |\n  |name|spec|<<){0,60}"#) {
        check(&text)?;
    }

    #[test]
    fn a_spoilt_manifest_is_survived(
        line in 0..GOOD.lines().count(),
        with in r#"[-?:,\[\]{}#&*!|>'"%@` a0]{0,12}"#,
        is_replaced in any::<bool>(),
    ) {
        let mut lines: Vec<&str> = GOOD.lines().collect();
        if is_replaced {
            lines[line] = &with;
        } else {
            lines.insert(line, &with);
        }
        check(&lines.join("\n"))?;
    }

    #[test]
    fn a_cut_manifest_is_survived(cut in 0..GOOD.len()) {
        if let Some(text) = GOOD.get(..cut) {
            check(text)?;
        }
    }
}
