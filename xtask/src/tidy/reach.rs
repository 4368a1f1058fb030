//! Every source file is part of a crate: a file that no `mod` names is never compiled.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Finding, Source};

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<PathBuf> = sources
        .iter()
        .filter(|source| is_root(&source.path))
        .map(|source| source.path.clone())
        .collect();
    while let Some(path) = open.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            open.extend(modules(source));
        }
    }
    sources
        .iter()
        .filter(|source| !reached.contains(&source.path))
        .map(|source| {
            Finding::new(
                &source.path,
                "no `mod` names this file, so it is never compiled",
            )
        })
        .collect()
}

/// Files that cargo compiles by themselves.
fn is_root(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    matches!(
        parts.as_slice(),
        [.., "src", "lib.rs" | "main.rs"]
            | [.., "fuzz", "fuzz_targets", _]
            | [.., "src", "bin", _]
            | [.., "tests", _, "main.rs"]
            | ["crates", _, "build.rs"]
            | ["crates", _, "tests" | "benches" | "examples", _]
            | ["xtask", "tests", _]
    )
}

/// The files that `source` declares as modules.
fn modules(source: &Source) -> Vec<PathBuf> {
    let dir = source.path.parent().unwrap_or_else(|| Path::new(""));
    let stem = source.path.file_stem().unwrap_or_default();
    // `lib.rs`, `main.rs` and test roots have their modules beside them, others in a directory of their own.
    let dir = match is_root(&source.path) {
        true => dir.to_owned(),
        false => dir.join(stem),
    };
    source
        .text
        .lines()
        .filter_map(declared_module)
        .map(|name| dir.join(format!("{name}.rs")))
        .collect()
}

/// The name in `mod name;`, whatever visibility stands before.
fn declared_module(line: &str) -> Option<&str> {
    let line = line.trim().strip_suffix(';')?;
    let rest = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1.trim_start(),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let name = rest.strip_prefix("mod ")?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_names_is_found() {
        let source = |path: &str, text: &str| Source {
            path: path.into(),
            text: text.into(),
        };
        let findings = check(&[
            source(
                "crates/x/src/lib.rs",
                "mod a;\npub(crate) mod b;\n// mod c;",
            ),
            source("crates/x/src/a.rs", "    mod inner;"),
            source("crates/x/src/a/inner.rs", ""),
            source("crates/x/src/b.rs", ""),
            source("crates/x/src/c.rs", ""),
            source("crates/x/tests/it/main.rs", "mod t;"),
            source("crates/x/tests/it/t.rs", ""),
        ]);
        let paths: Vec<_> = findings
            .iter()
            .map(|finding| finding.path.to_str().unwrap())
            .collect();
        assert_eq!(paths, ["crates/x/src/c.rs"]);
    }
}
