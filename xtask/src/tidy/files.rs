//! Sizes and names of files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Finding, Source};

/// Production lines of a file that nobody has to justify.
const LINES_MAX: usize = 800;
/// Files above that, with the reason.
const LARGE: [(&str, &str); 0] = [];
/// Lines of the crate that all others share: it is not to become a place for everything.
const MODEL_LINES_MAX: usize = 4000;
/// Names that say nothing of what is in the file.
const EMPTY_NAMES: [&str; 6] = [
    "mod.rs",
    "imp.rs",
    "utils.rs",
    "common.rs",
    "helpers.rs",
    "types.rs",
];
/// The crates that may hold unsafe code: one maps memory, the other does something between fork and exec.
const UNSAFE_CRATES: [&str; 2] = ["crates/engine", "crates/host"];

/// All Rust sources of the workspace: its crates and this tool.
pub(super) fn read_sources(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for dir in ["crates", "xtask"] {
        read_dir(root, &root.join(dir), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read_dir(root: &Path, dir: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                read_dir(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root).unwrap_or(&path).to_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut model_lines = 0;
    for source in sources {
        let lines = source.production().lines().count();
        let is_excused = LARGE.iter().any(|(path, _)| source.path == Path::new(path));
        if source.is_production() && lines > LINES_MAX && !is_excused {
            findings.push(Finding::new(
                &source.path,
                format!("{lines} lines, at most {LINES_MAX} without a reason"),
            ));
        }
        let name = source.path.file_name().unwrap_or_default();
        if EMPTY_NAMES.iter().any(|empty| name == *empty) {
            findings.push(Finding::new(
                &source.path,
                "the name says nothing of what is in the file",
            ));
        }
        if source.crate_dir() == Path::new("crates/model") && source.is_production() {
            model_lines += lines;
        }
        let is_root = source.path == source.crate_dir().join("src/lib.rs")
            || source.path == source.crate_dir().join("src/main.rs");
        if is_root
            && !UNSAFE_CRATES
                .iter()
                .any(|one| source.crate_dir() == Path::new(one))
            && !source.text.contains("#![forbid(unsafe_code)]")
        {
            findings.push(Finding::new(
                &source.path,
                "lacks `#![forbid(unsafe_code)]`",
            ));
        }
    }
    if model_lines > MODEL_LINES_MAX {
        findings.push(Finding::new(
            "crates/model",
            format!("{model_lines} lines, at most {MODEL_LINES_MAX}: what one interface alone needs belongs there"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_and_nameless_files_are_found() {
        let source = |path: &str, text: String| Source {
            path: path.into(),
            text,
        };
        let findings = check(&[
            source("crates/x/src/lib.rs", "#![forbid(unsafe_code)]".to_owned()),
            source("crates/y/src/lib.rs", String::new()),
            source("crates/x/src/utils.rs", String::new()),
            source("crates/x/src/large.rs", "\n".repeat(LINES_MAX + 1)),
            source("crates/x/tests/it/large.rs", "\n".repeat(LINES_MAX + 1)),
        ]);
        let paths: Vec<_> = findings
            .iter()
            .map(|finding| finding.path.to_str().unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "crates/y/src/lib.rs",
                "crates/x/src/utils.rs",
                "crates/x/src/large.rs"
            ]
        );
    }
}
