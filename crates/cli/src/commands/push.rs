//! `weft push`: a component or provider archive to a registry.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use clap::Args;
use serde::Serialize;
use weft_artifact::ContentKind;
use weft_artifact::registry::{Image, PushOptions, Pushed};
use weft_model::reference::{Location, Reference};

use crate::arguments::{LoginArgs, RegistryArgs, parse_label};
use crate::artifacts::{ArtifactError, open, read_file, registry_reference, watch};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{render_bytes, render_elapsed};
use crate::view::{Block, SchemaVersion, View, millis};

/// Push a component or a provider archive to a registry
///
/// What the file is, is told by its content. A component becomes an image of the CNCF's Wasm OCI artifact, which lists its
/// imports and exports; a provider archive one as wasmCloud 1.9 makes it. Layers that are there already are not sent again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft push web.wasm ghcr.io/acme/web:1.2.0
                                       Push a component, with the credentials of `docker login`
  weft push web.wasm localhost:5000/web:1 --insecure
                                       Push to a registry without encryption
  weft push echo.par.gz ghcr.io/acme/echo:1.0.0 --annotation stage=test
                                       Push a provider archive, with an annotation
  weft push web.wasm acme.example/web:1 --user ada --password-file secret.txt
                                       Push with a password of one's own")]
pub(crate) struct PushArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where it goes: registry, name and tag
    #[arg(value_name = "REFERENCE")]
    reference: String,

    /// Annotation of the image; may be given several times
    #[arg(
        long, env = "WEFT_ANNOTATION", value_name = "KEY=VALUE",
        value_parser = parse_label, hide_env_values = true
    )]
    annotation: Vec<(String, String)>,

    /// File whose content becomes the config of the image of a provider archive, in JSON [default: `{}`]
    #[arg(long, env = "WEFT_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Who made the component, for the config of its image
    #[arg(long, env = "WEFT_AUTHOR", value_name = "NAME", hide_env_values = true)]
    author: Option<String>,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Something was pushed.
#[derive(Debug, Serialize)]
struct PushView {
    schema_version: SchemaVersion,
    /// The reference as it was given.
    reference: String,
    /// The same image for ever: with the digest of its manifest.
    pinned: String,
    /// `component` or `provider`.
    kind: &'static str,
    /// The digest of the manifest.
    manifest_digest: String,
    /// The digest of the content.
    digest: String,
    /// Bytes of the content.
    bytes: usize,
    /// How long it took.
    elapsed_ms: u64,
}

/// Pushes the file.
pub(crate) async fn run(args: &PushArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let path = context.directory.join(&args.file);
    if !path.exists() && context.directory.join(&args.reference).is_file() {
        return Err(ArtifactError::Swapped {
            first: args.file.display().to_string(),
            second: args.reference.clone(),
        }
        .into());
    }
    let reference = registry_reference(&args.reference)?;
    let bytes = read_file(&path)?;
    let kind = match ContentKind::of(&bytes) {
        Some(ContentKind::Component) => "component",
        Some(ContentKind::Archive) => "provider",
        None => {
            let wanted = "a component and no provider archive";
            return Err(ArtifactError::Content { path, wanted }.into());
        }
    };
    let options = push_options(args, context)?;
    let artifacts = open(&args.registry, &args.login, &reference, context).await?;
    let length = bytes.len();
    let transfer = async |progress| artifacts.push(&reference, bytes, &options, progress).await;
    let pushed = watch(reference.as_str(), &mut context.console, transfer).await?;
    context.show(&PushView {
        schema_version: SchemaVersion,
        pinned: pinned(&reference, &pushed),
        reference: reference.to_string(),
        kind,
        manifest_digest: pushed.manifest.to_string(),
        digest: pushed.content.to_string(),
        bytes: length,
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

fn push_options(args: &PushArgs, context: &Context) -> Result<PushOptions, ArtifactError> {
    let config = match &args.config {
        Some(path) => Some(read_config(context.directory.join(path))?),
        None => None,
    };
    Ok(PushOptions {
        annotations: args.annotation.iter().cloned().collect::<BTreeMap<_, _>>(),
        author: args.author.clone(),
        provider_config: config,
    })
}

fn read_config(path: PathBuf) -> Result<Bytes, ArtifactError> {
    let bytes = read_file(&path)?;
    match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(ArtifactError::Content {
            path,
            wanted: "JSON",
        }),
    }
}

/// The image by the digest of its manifest.
fn pinned(reference: &Reference, pushed: &Pushed) -> String {
    let image = match reference.location() {
        Location::Registry(name) => Image::parse(name).ok(),
        _ => None,
    };
    match image {
        Some(image) => format!(
            "{}/{}@{}",
            image.registry(),
            image.repository(),
            pushed.manifest
        ),
        None => reference.to_string(),
    }
}

impl View for PushView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let bytes = render_bytes(u64::try_from(self.bytes).unwrap_or(u64::MAX));
        let elapsed = render_elapsed(std::time::Duration::from_millis(self.elapsed_ms));
        vec![
            Block::Line(self.pinned.clone()),
            Block::Done(format!(
                "pushed {} {}, {bytes}, in {elapsed}",
                self.kind, self.reference
            )),
        ]
    }

    fn names(&self) -> Vec<String> {
        vec![self.pinned.clone()]
    }
}
