//! Where the project's files are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::{Process, cargo};

/// The checkout that `cargo xtask` was called in, and where its builds go.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows every way to set the target directory.
    pub(crate) fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let metadata = read_metadata(&manifest)?;
        let path = |key: &str| {
            let path = metadata[key].as_str();
            path.map(PathBuf::from)
                .with_context(|| format!("`cargo metadata` does not name its `{key}`"))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// The top of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory, which is outside git.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

/// What cargo says of the workspace of a manifest, without its dependencies: reads no network and no registry.
pub(crate) fn read_metadata(manifest: &Path) -> Result<Value> {
    let text = Process::new(cargo())
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .read()?;
    serde_json::from_str(&text).context("the answer of `cargo metadata` is not JSON")
}
