//! Every code that an error may have has a page, and every page a code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Finding, Source};

const PAGES: &str = "docs/errors";

pub(super) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let dir = root.join(PAGES);
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        let code = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        pages.insert(code, text);
    }
    Ok(compare(&used_codes(sources), &pages))
}

/// Codes in production code, with a file that has each.
fn used_codes(sources: &[Source]) -> BTreeMap<String, PathBuf> {
    let mut codes = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_production()) {
        // This tool speaks of codes without having any.
        if source.crate_dir() == Path::new("xtask") {
            continue;
        }
        for text in source.production().split('"').skip(1).step_by(2) {
            if is_code(text) {
                codes
                    .entry(text.to_owned())
                    .or_insert_with(|| source.path.clone());
            }
        }
    }
    codes
}

fn is_code(text: &str) -> bool {
    text.len() == 6
        && text.bytes().take(3).all(|byte| byte.is_ascii_uppercase())
        && text.bytes().skip(3).all(|byte| byte.is_ascii_digit())
}

fn compare(used: &BTreeMap<String, PathBuf>, pages: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (code, path) in used {
        match pages.get(code) {
            None => findings.push(Finding::new(
                path,
                format!("`{code}` has no page {PAGES}/{code}.md"),
            )),
            Some(page) if !page.starts_with(&format!("# {code}: ")) => {
                findings.push(Finding::new(
                    format!("{PAGES}/{code}.md"),
                    format!("does not begin with `# {code}: `"),
                ));
            }
            Some(_) => {}
        }
    }
    let used: BTreeSet<_> = used.keys().collect();
    for code in pages.keys().filter(|code| !used.contains(code)) {
        findings.push(Finding::new(
            format!("{PAGES}/{code}.md"),
            "no error has this code",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_pages_belong_together() {
        let source = Source {
            path: "crates/x/src/error.rs".into(),
            text: r#"Self::A => "ABC001", Self::B => "ABC002", Self::C => "ABC1", Self::D => "ABC004""#.to_owned(),
        };
        let pages = BTreeMap::from([
            ("ABC001".to_owned(), "# ABC001: fine\n".to_owned()),
            ("ABC003".to_owned(), "# ABC003: of the past\n".to_owned()),
            ("ABC004".to_owned(), "# Another title\n".to_owned()),
        ]);
        let texts: Vec<_> = compare(&used_codes(&[source]), &pages)
            .into_iter()
            .map(|finding| finding.text)
            .collect();
        assert_eq!(
            texts,
            [
                "`ABC002` has no page docs/errors/ABC002.md",
                "does not begin with `# ABC004: `",
                "no error has this code",
            ]
        );
    }
}
