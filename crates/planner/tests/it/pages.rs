//! Every code has a page that says what to do.

use std::fs;
use std::path::Path;

use weft_planner::Error;

#[test]
fn every_code_has_a_page() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in Error::CODES {
        let path = pages.join(format!("{code}.md"));
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        assert!(
            text.starts_with(&format!("# {code}: ")),
            "{} does not begin with its code",
            path.display()
        );
        for section in ["## How to check", "## How to fix"] {
            assert!(
                text.contains(section),
                "{} has no `{section}`",
                path.display()
            );
        }
    }
}
