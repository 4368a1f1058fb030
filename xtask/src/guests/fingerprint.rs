//! Whether anything that goes into a component changed: a hash over its sources and the way it is built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Raise this when the way from sources to components changes in this program, so that everything is built again.
const REVISION: u32 = 1;

/// Directories that hold what was built or downloaded, never sources.
const IGNORED_DIRECTORIES: [&str; 4] = ["__pycache__", "build", "node_modules", "target"];

/// The files of a Cargo workspace that reach all of its crates.
const SHARED_EXTENSIONS: [&str; 4] = ["lock", "rs", "toml", "wit"];

/// Hashes everything that goes into one component.
pub(crate) struct Fingerprint {
    hasher: blake3::Hasher,
}

impl Fingerprint {
    /// A fingerprint of nothing but the revision of this program.
    pub(crate) fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&REVISION.to_le_bytes());
        Self { hasher }
    }

    /// Adds a text, with what it stands for.
    pub(crate) fn text(mut self, label: &str, text: &str) -> Self {
        self.part(label.as_bytes());
        self.part(text.as_bytes());
        self
    }

    /// Adds a file under its name.
    pub(crate) fn file(mut self, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.part(path.file_name().unwrap_or_default().as_encoded_bytes());
        self.part(&bytes);
        Ok(self)
    }

    /// Adds all files of a directory, under their paths in it.
    pub(crate) fn directory(self, directory: &Path) -> Result<Self> {
        self.add_files(directory, files_in(directory, &[])?)
    }

    /// Adds the files of a workspace that all of its crates may use: its manifest, its lock file, its WIT, and crates
    /// that are no components. The directories of components are `excluded`.
    pub(crate) fn shared_files(self, workspace: &Path, excluded: &[PathBuf]) -> Result<Self> {
        let mut files = files_in(workspace, excluded)?;
        files.retain(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| SHARED_EXTENSIONS.contains(&extension))
        });
        self.add_files(workspace, files)
    }

    /// The hash as text.
    pub(crate) fn finish(self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    fn add_files(mut self, directory: &Path, files: Vec<PathBuf>) -> Result<Self> {
        for file in files {
            let bytes =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(directory).unwrap_or(&file);
            self.part(name.as_os_str().as_encoded_bytes());
            self.part(&bytes);
        }
        Ok(self)
    }

    /// Adds bytes with their length before them, so that no two sequences of parts look alike.
    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }
}

/// The files below a directory, in order, without hidden, ignored and excluded directories.
fn files_in(directory: &Path, excluded: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let unreadable = || format!("cannot read {}", directory.display());
        for entry in fs::read_dir(&directory).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_directory = entry.file_type().with_context(unreadable)?.is_dir();
            let is_ignored = is_directory && IGNORED_DIRECTORIES.contains(&name.as_ref());
            if name.starts_with('.') || is_ignored || excluded.contains(&entry.path()) {
                continue;
            }
            if is_directory {
                pending.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with a component `a`, a shared crate and things that are no sources.
    fn workspace() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("Cargo.toml", "[workspace]"),
            ("a/src/lib.rs", "a"),
            ("a/page.html", "<p>"),
            ("b/src/lib.rs", "b"),
            ("shared/src/lib.rs", "shared"),
            ("wit/a.wit", "package a:a;"),
        ] {
            write(directory.path(), path, text);
        }
        directory
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn fingerprint_of_a(root: &Path, toolchain: &str) -> String {
        Fingerprint::new()
            .text("toolchain", toolchain)
            .shared_files(root, &[root.join("a"), root.join("b")])
            .unwrap()
            .directory(&root.join("a"))
            .unwrap()
            .finish()
    }

    #[track_caller]
    fn check(path: &str, is_part: bool) {
        let workspace = workspace();
        let root = workspace.path();
        let before = fingerprint_of_a(root, "1");
        assert_eq!(before, fingerprint_of_a(root, "1"));
        write(root, path, "changed");
        assert_eq!(before != fingerprint_of_a(root, "1"), is_part, "{path}");
    }

    #[test]
    fn everything_that_goes_into_a_component_counts_and_nothing_else() {
        for path in [
            "a/src/lib.rs",
            "a/new.rs",
            "a/page.html",
            "Cargo.toml",
            "Cargo.lock",
            "shared/src/lib.rs",
            "wit/a.wit",
        ] {
            check(path, true);
        }
        for path in [
            "b/src/lib.rs",
            "README.md",
            "weft.yaml",
            "build/a.wasm",
            "target/x.rs",
            ".git/x.rs",
            "a/.swp",
        ] {
            check(path, false);
        }
    }

    #[test]
    fn another_toolchain_is_another_fingerprint() {
        let workspace = workspace();
        assert_ne!(
            fingerprint_of_a(workspace.path(), "1"),
            fingerprint_of_a(workspace.path(), "2")
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let left = Fingerprint::new().text("ab", "c").finish();
        let right = Fingerprint::new().text("a", "bc").finish();
        assert_ne!(left, right);
    }
}
