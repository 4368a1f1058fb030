//! Where built components are kept, and whether one is still what a build would make.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::terminal::say;

/// The directory of everything that is built of guests. Cargo uses it as target directory; beside what cargo puts there:
///
/// ```text
/// components/<name>.wasm   the components
/// stamps/<name>.json       what each was made from
/// tools/<name>/            tools from npm and PyPI
/// ```
pub(crate) struct Store {
    directory: PathBuf,
}

/// Keeps other builds out until it is dropped.
pub(crate) struct Lock {
    _file: File,
}

impl Store {
    /// The store in a directory, which is made when it is not there.
    pub(crate) fn open(directory: PathBuf) -> Result<Self> {
        for part in ["components", "stamps"] {
            let part = directory.join(part);
            fs::create_dir_all(&part)
                .with_context(|| format!("cannot create {}", part.display()))?;
        }
        Ok(Self { directory })
    }

    /// The directory itself.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a component is, once it is built.
    pub(crate) fn component(&self, name: &str) -> PathBuf {
        self.directory
            .join("components")
            .join(name)
            .with_extension("wasm")
    }

    /// Where the tools for one guest are.
    pub(crate) fn tools(&self, name: &str) -> PathBuf {
        self.directory.join("tools").join(name)
    }

    /// Waits until no other build uses the store.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let path = self.directory.join("lock");
        let failed = || format!("cannot lock {}", path.display());
        let file = File::create(&path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say("waiting for another build of the guests");
                file.lock().with_context(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        Ok(Lock { _file: file })
    }

    /// Whether the component was made from what `fingerprint` stands for and nobody touched it since.
    pub(crate) fn is_fresh(&self, name: &str, fingerprint: &str) -> bool {
        let stamp = fs::read(self.stamp(name)).ok();
        let stamp: Option<Value> = stamp.and_then(|text| serde_json::from_slice(&text).ok());
        let Some(stamp) = stamp else {
            return false;
        };
        let Ok(component) = fs::read(self.component(name)) else {
            return false;
        };
        stamp["fingerprint"] == fingerprint && stamp["digest"] == digest(&component)
    }

    /// Keeps a component and what it was made from.
    pub(crate) fn save(&self, name: &str, fingerprint: &str, component: &[u8]) -> Result<()> {
        replace(&self.component(name), component)?;
        let stamp = json!({ "fingerprint": fingerprint, "digest": digest(component) });
        replace(&self.stamp(name), stamp.to_string().as_bytes())
    }

    /// Puts a copy of a component where manifests name it, unless it is there already.
    pub(crate) fn copy(&self, name: &str, to: &Path) -> Result<()> {
        let from = self.component(name);
        let component =
            fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(to).is_ok_and(|present| present == component) {
            return Ok(());
        }
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        replace(to, &component)
    }

    fn stamp(&self, name: &str) -> PathBuf {
        self.directory
            .join("stamps")
            .join(name)
            .with_extension("json")
    }
}

/// Replaces a file in one step: a host that loads it sees the old or the new one whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, bytes).with_context(failed)?;
    fs::rename(&unfinished, path).with_context(failed)
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("guests")).unwrap();
        (directory, store)
    }

    #[test]
    fn a_component_is_fresh_while_its_sources_and_itself_are_unchanged() {
        let (_directory, store) = store();
        assert!(!store.is_fresh("a", "1"), "it was never built");
        store.save("a", "1", b"component").unwrap();
        assert!(store.is_fresh("a", "1"));
        assert!(!store.is_fresh("a", "2"), "its sources changed");
        assert!(!store.is_fresh("b", "1"), "it is another");
        fs::write(store.component("a"), b"tampered").unwrap();
        assert!(!store.is_fresh("a", "1"), "somebody touched it");
        store.save("a", "1", b"component").unwrap();
        fs::remove_file(store.component("a")).unwrap();
        assert!(!store.is_fresh("a", "1"), "it is gone");
    }

    #[test]
    fn a_broken_stamp_is_as_none() {
        let (_directory, store) = store();
        store.save("a", "1", b"component").unwrap();
        fs::write(store.stamp("a"), b"{").unwrap();
        assert!(!store.is_fresh("a", "1"));
    }

    #[test]
    fn copies_follow_the_component() {
        let (directory, store) = store();
        let copy = directory.path().join("example/build/a.wasm");
        for component in [b"one", b"two"] {
            store.save("a", "1", component).unwrap();
            store.copy("a", &copy).unwrap();
            assert_eq!(fs::read(&copy).unwrap(), component);
        }
    }
}
