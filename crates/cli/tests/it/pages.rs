//! Pages of the codes of this crate.

use std::collections::BTreeSet;
use std::path::Path;

/// The codes of errors that stand in the sources under `directory`.
fn codes(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for word in text.split('"') {
            let is_code = word.len() == 6
                && (word.starts_with("CLI") || word.starts_with("CTL"))
                && word[3..].bytes().all(|byte| byte.is_ascii_digit());
            if is_code {
                found.insert(word.to_owned());
            }
        }
    }
}

#[test]
fn every_code_has_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    codes(&root.join("src"), &mut found);
    assert!(found.len() > 15, "{found:?}");
    for code in found {
        let path = root.join(format!("../../docs/errors/{code}.md"));
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            page.starts_with(&format!("# {code}: ")),
            "`{}`",
            path.display()
        );
        for section in ["## Cause", "## How to check", "## How to fix"] {
            assert!(page.contains(section), "`{}`: {section}", path.display());
        }
    }
}
