//! Rules of the house that no compiler checks: which crate may use which, how large a file may be, what it may be called.

mod codes;
mod edges;
mod files;
mod purity;
mod reach;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::terminal::{data, say};
use crate::workspace::Workspace;

/// Checks rules of the house that no compiler checks.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// A rule that is broken.
#[derive(Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Finding {
    /// Relative to the root of the checkout.
    path: PathBuf,
    text: String,
}

/// A Rust source file.
pub(crate) struct Source {
    /// Relative to the root of the checkout.
    path: PathBuf,
    text: String,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let findings = check(workspace)?;
    for finding in &findings {
        data(finding);
    }
    match findings.len() {
        0 => {
            say("tidy");
            Ok(())
        }
        count => bail!("{count} rules of the house are broken"),
    }
}

/// All broken rules, in order.
fn check(workspace: &Workspace) -> Result<Vec<Finding>> {
    let sources = files::read_sources(workspace.root())?;
    let packages = edges::read_packages(workspace)?;
    let mut findings = edges::check(&packages);
    findings.extend(files::check(&sources));
    findings.extend(purity::check(&sources));
    findings.extend(reach::check(&sources));
    findings.extend(codes::check(workspace.root(), &sources)?);
    findings.sort();
    Ok(findings)
}

// ===== impl Finding =====

impl Finding {
    fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.text)
    }
}

// ===== impl Source =====

impl Source {
    /// The text up to the tests in the same file.
    fn production(&self) -> &str {
        match self.text.find("\n#[cfg(test)]") {
            Some(end) => &self.text[..end],
            None => &self.text,
        }
    }

    /// Whether the file is part of a crate rather than of its tests, benches or examples.
    fn is_production(&self) -> bool {
        let has = |name: &str| self.path.components().any(|part| part.as_os_str() == name);
        has("src") && !self.is_test_module()
    }

    /// Whether the file is the tests of a module, in a file of their own.
    fn is_test_module(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "tests.rs")
            || self
                .path
                .components()
                .any(|part| part.as_os_str() == "tests")
    }

    /// The directory of the crate, such as `crates/model`.
    fn crate_dir(&self) -> &Path {
        self.path
            .ancestors()
            .find(|dir| {
                dir.parent()
                    .is_some_and(|parent| parent == Path::new("crates") || parent == Path::new(""))
                    && *dir != Path::new("crates")
            })
            .unwrap_or(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let findings = check(&Workspace::find().unwrap()).unwrap();
        let text: String = findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect();
        assert!(findings.is_empty(), "\n{text}");
    }

    #[test]
    fn a_source_knows_where_it_belongs() {
        let source = |path: &str, text: &str| Source {
            path: path.into(),
            text: text.into(),
        };
        let inside = source(
            "crates/model/src/id/parse.rs",
            "a\n#[cfg(test)]\nmod tests {}",
        );
        assert!(inside.is_production());
        assert_eq!(inside.production(), "a");
        assert_eq!(inside.crate_dir(), Path::new("crates/model"));
        assert_eq!(
            source("xtask/src/main.rs", "").crate_dir(),
            Path::new("xtask")
        );
        assert!(!source("crates/model/src/id/tests.rs", "").is_production());
        assert!(!source("crates/model/tests/it/main.rs", "").is_production());
    }
}
