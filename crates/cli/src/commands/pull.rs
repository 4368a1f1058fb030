//! `weft pull`: a component or provider archive from a registry.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_artifact::ContentKind;
use weft_artifact::registry::Image;
use weft_model::reference::{Location, Reference};

use crate::arguments::{LoginArgs, RegistryArgs};
use crate::artifacts::{ArtifactError, open, registry_reference, watch, write_file};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{render_bytes, render_elapsed};
use crate::view::{Block, SchemaVersion, View, millis};

/// Bytes by which archives are told from components, and compressed ones from others.
const HEAD_BYTES: u64 = 512;

/// Pull a component or a provider archive from a registry into a file
///
/// It is kept in the cache of the data directory too, where hosts of `weft up` look: what was pulled is not downloaded by them
/// again. A download that was interrupted goes on where it ended.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft pull ghcr.io/acme/web:1.2.0     Pull a component into web.wasm
  weft pull ghcr.io/acme/web:1.2.0 --destination build/page.wasm
                                       Pull it into another file
  weft pull localhost:5000/echo:1 --insecure
                                       Pull from a registry without encryption")]
pub(crate) struct PullArgs {
    /// What is pulled: registry, name and tag, or a digest
    #[arg(value_name = "REFERENCE")]
    reference: String,

    /// The file [default: the name of the image with `.wasm`, `.par` or `.par.gz`]
    #[arg(
        long,
        short,
        env = "WEFT_DESTINATION",
        value_name = "FILE",
        hide_env_values = true
    )]
    destination: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long, env = "WEFT_FORCE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    force: bool,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Something was pulled.
#[derive(Debug, Serialize)]
struct PullView {
    schema_version: SchemaVersion,
    /// The reference as it was given.
    reference: String,
    /// The file.
    file: PathBuf,
    /// `component` or `provider`.
    kind: &'static str,
    /// The digest of the manifest.
    manifest_digest: String,
    /// The digest of the content.
    digest: String,
    /// Bytes of the content.
    bytes: u64,
    /// Whether nothing had to be downloaded.
    is_cached: bool,
    /// Whether the registry could not be asked, and this is what the reference meant last time.
    is_stale: bool,
    /// How long it took.
    elapsed_ms: u64,
}

/// Pulls the image.
pub(crate) async fn run(args: &PullArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let reference = registry_reference(&args.reference)?;
    let artifacts = open(&args.registry, &args.login, &reference, context).await?;
    let transfer = async |progress| artifacts.download(&reference, progress).await;
    let pulled = watch(reference.as_str(), &mut context.console, transfer).await?;
    if pulled.is_stale {
        let text = format!(
            "the registry cannot be asked; this is what `{reference}` meant when it was pulled last"
        );
        context.console.warn(&text);
    }
    let head = read_head(&pulled.path)?;
    let kind = match ContentKind::of(&head) {
        Some(ContentKind::Component) => "component",
        Some(ContentKind::Archive) => "provider",
        None => {
            return Err(ArtifactError::Content {
                path: pulled.path,
                wanted: "a component and no provider archive",
            }
            .into());
        }
    };
    let file = match &args.destination {
        Some(path) => context.directory.join(path),
        None => context.directory.join(file_name(&reference, &head)),
    };
    write_file(&file, args.force, |to| {
        let mut from = fs::File::open(&pulled.path)?;
        std::io::copy(&mut from, to).map(drop)
    })?;
    context.show(&PullView {
        schema_version: SchemaVersion,
        reference: reference.to_string(),
        file,
        kind,
        manifest_digest: pulled.manifest.to_string(),
        digest: pulled.digest.to_string(),
        bytes: pulled.bytes,
        is_cached: pulled.is_cached,
        is_stale: pulled.is_stale,
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

fn read_head(path: &Path) -> Result<Vec<u8>, ArtifactError> {
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head));
    match read {
        Ok(_) => Ok(head),
        Err(source) => Err(ArtifactError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The last part of the image's name, with what its content ends in.
fn file_name(reference: &Reference, head: &[u8]) -> String {
    let image = match reference.location() {
        Location::Registry(name) => Image::parse(name).ok(),
        _ => None,
    };
    let image = image.as_ref();
    let name = image
        .and_then(|image| image.repository().rsplit('/').next())
        .unwrap_or("artifact");
    let extension = match ContentKind::of(head) {
        Some(ContentKind::Archive) if head.starts_with(&[0x1f, 0x8b]) => "par.gz",
        Some(ContentKind::Archive) => "par",
        _ => "wasm",
    };
    format!("{name}.{extension}")
}

impl View for PullView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let bytes = render_bytes(self.bytes);
        let elapsed = render_elapsed(std::time::Duration::from_millis(self.elapsed_ms));
        let from = if self.is_cached {
            ", from the cache,"
        } else {
            ""
        };
        vec![
            Block::Line(self.file.display().to_string()),
            Block::Done(format!(
                "pulled {} {}, {bytes}{from} in {elapsed}",
                self.kind, self.reference
            )),
        ]
    }

    fn names(&self) -> Vec<String> {
        vec![self.file.display().to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_images() {
        let check = |reference: &str, head: &[u8], expected: &str| {
            assert_eq!(file_name(&reference.parse().unwrap(), head), expected);
        };
        check("ghcr.io/acme/web:1.2", b"\0asm", "web.wasm");
        check("localhost:5000/echo", &[0x1f, 0x8b, 8], "echo.par.gz");
    }
}
