//! Looking into a component or provider archive, wherever it is.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use weft_artifact::par::{self, Contents, Limits};
use weft_artifact::{ContentKind, Wasm};

use super::claims::ClaimsView;
use super::error::ArtifactError;
use super::source::{Source, read_file};
use super::watch::watch;
use super::wit::{print_package, print_world};
use super::{ParEntry, open};
use crate::arguments::{LoginArgs, RegistryArgs};
use crate::context::Context;
use crate::failure::Failure;

/// Bytes by which archives are told from components.
const HEAD_BYTES: u64 = 512;

/// What is in a component or provider archive.
#[derive(Debug)]
pub(crate) struct Examined {
    /// Its digest.
    pub(crate) digest: String,
    /// The digest of its manifest, where it is in a registry.
    pub(crate) manifest_digest: Option<String>,
    /// Its size.
    pub(crate) bytes: u64,
    /// What its claims say; `None` when it is not signed.
    pub(crate) claims: Option<ClaimsView>,
    /// What depends on what it is.
    pub(crate) content: Content,
}

/// What depends on what something is.
#[derive(Debug)]
pub(crate) enum Content {
    /// WebAssembly.
    Wasm {
        /// What is told of it.
        wasm: Wasm,
        /// Its world; `None` for core modules, and for what cannot be decoded.
        wit: Option<Wit>,
    },
    /// A provider archive, whose hashes were verified.
    Archive {
        /// Its entries.
        entries: Vec<ParEntry>,
    },
}

/// WIT as text.
#[derive(Debug, Serialize)]
pub(crate) struct Wit {
    /// The world alone.
    pub(crate) world: String,
    /// The world with the packages that it is about.
    pub(crate) all: String,
}

/// Looks into what `text` names: a file, or a reference to a registry, which is pulled into the cache.
pub(crate) async fn examine(
    text: &str,
    registry: &RegistryArgs,
    login: &LoginArgs,
    context: &mut Context,
) -> Result<Examined, Failure> {
    let (path, manifest_digest) = match Source::of(text, &context.directory)? {
        Source::File(path) => (path, None),
        Source::Registry(reference) => {
            let artifacts = open(registry, login, &reference, context).await?;
            let transfer = async |progress| artifacts.download(&reference, progress).await;
            let pulled = watch(reference.as_str(), &mut context.console, transfer).await?;
            (pulled.path, Some(pulled.manifest.to_string()))
        }
    };
    let examined = examine_file(&path, SystemTime::now())?;
    Ok(Examined {
        manifest_digest,
        ..examined
    })
}

/// Looks into a file.
fn examine_file(path: &Path, now: SystemTime) -> Result<Examined, ArtifactError> {
    let bytes = read_file(path)?;
    let head = &bytes[..bytes.len().min(HEAD_BYTES as usize)];
    let (claims, content) = match ContentKind::of(head) {
        Some(ContentKind::Component) => {
            let failed = |source| ArtifactError::Claims {
                path: path.to_owned(),
                source,
            };
            let wasm = Wasm::describe(&bytes).ok_or_else(|| damaged(path))?;
            let wit = wasm.is_component.then(|| wit(&bytes)).flatten();
            let claims = ClaimsView::of_component(&bytes, now).map_err(failed)?;
            (claims, Content::Wasm { wasm, wit })
        }
        Some(ContentKind::Archive) => {
            let contents = read_archive(path, bytes.as_ref(), now)?;
            let entries = ParEntry::all(&contents);
            let claims = ClaimsView::new(&contents.claims, None);
            (Some(claims), Content::Archive { entries })
        }
        None => {
            return Err(ArtifactError::Content {
                path: path.to_owned(),
                wanted: "a component and no provider archive",
            });
        }
    };
    Ok(Examined {
        digest: weft_artifact::digest(&bytes).to_string(),
        manifest_digest: None,
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        claims,
        content,
    })
}

/// Reads an archive, and verifies its claims and hashes.
pub(crate) fn read_archive(
    path: &Path,
    archive: impl Read,
    now: SystemTime,
) -> Result<Contents, ArtifactError> {
    par::inspect(archive, &Limits::default(), now).map_err(|source| ArtifactError::Archive {
        path: path.to_owned(),
        source,
    })
}

/// Opens a file to read an archive from.
pub(crate) fn open_archive(path: &Path) -> Result<File, ArtifactError> {
    File::open(path).map_err(|source| {
        let path = path.to_owned();
        ArtifactError::Fetch(match source.kind() {
            std::io::ErrorKind::NotFound => weft_artifact::FetchError::Missing { path },
            _ => weft_artifact::FetchError::Unreadable {
                path,
                source: std::sync::Arc::new(source),
            },
        })
    })
}

fn wit(bytes: &[u8]) -> Option<Wit> {
    Some(Wit {
        world: print_world(bytes)?,
        all: print_package(bytes)?,
    })
}

fn damaged(path: &Path) -> ArtifactError {
    ArtifactError::Content {
        path: PathBuf::from(path),
        wanted: "WebAssembly that can be read: it is damaged or incomplete",
    }
}
