//! Programs that go into archives, and archives that are written.

use std::path::{Path, PathBuf};

use serde::Serialize;
use weft_artifact::par::{Builder, Compression, Target};

use crate::artifacts::{
    ArtifactError, ParEntry, open_archive, read_archive, read_file, write_file,
};
use crate::keyring::Signer;
use crate::view::{Block, SchemaVersion, View};

/// What names of compressed archives end in.
const COMPRESSED: &str = ".gz";

/// An archive that was written.
#[derive(Debug, Serialize)]
pub(super) struct WrittenView {
    schema_version: SchemaVersion,
    /// The archive.
    file: PathBuf,
    /// The public key that its claims are about.
    subject: String,
    /// The public key that signed.
    issuer: String,
    /// The digest of the archive.
    digest: String,
    /// What is in it beside the claims.
    entries: Vec<ParEntry>,
}

/// Reads the program for `target`.
pub(super) fn read_binary(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    Ok(read_file(path)?.into())
}

/// Whether an archive of this name is compressed.
pub(super) fn compression(path: &Path) -> Compression {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(COMPRESSED) {
        Compression::Gzip
    } else {
        Compression::None
    }
}

/// Signs and writes an archive, and tells what is in it.
pub(super) fn write_archive(
    builder: Builder,
    signer: &Signer,
    file: PathBuf,
    compression: Compression,
    replaces: bool,
) -> Result<WrittenView, ArtifactError> {
    let mut bytes = Vec::new();
    let written = builder.write(
        &mut bytes,
        compression,
        &signer.subject,
        signer.times,
        &signer.issuer,
    );
    written.map_err(|source| ArtifactError::Archive {
        path: file.clone(),
        source,
    })?;
    write_file(&file, replaces, |to| to.write_all(&bytes))?;
    // As those who take it will find it, but for the time: claims may become valid later.
    let now = signer.times.not_before.unwrap_or(signer.times.issued_at);
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(now);
    let contents = read_archive(&file, open_archive(&file)?, now)?;
    Ok(WrittenView {
        schema_version: SchemaVersion,
        subject: contents.claims.subject.clone(),
        issuer: contents.claims.issuer.clone(),
        digest: weft_artifact::digest(&bytes).to_string(),
        entries: ParEntry::all(&contents),
        file,
    })
}

/// The platform that is meant where none is named: this one.
pub(super) fn target_or_this(target: Option<&Target>) -> Target {
    target.cloned().unwrap_or_else(Target::current)
}

impl View for WrittenView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let names: Vec<_> = self
            .entries
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        vec![
            Block::Line(self.file.display().to_string()),
            Block::Done(format!(
                "it holds {}, and is signed for {}",
                names.join(", "),
                self.subject
            )),
        ]
    }

    fn names(&self) -> Vec<String> {
        vec![self.file.display().to_string()]
    }
}
