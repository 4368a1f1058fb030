//! `weft app put`: store a manifest as a version of its application.

mod compare;

pub(crate) use compare::compare;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::Lattice;
use weft_lattice::application::ManifestFormat;
use weft_manifest::Strictness;
use weft_model::id::ApplicationName;

use super::AppError;
use super::manifest::{Manifest, read_manifest};
use super::source::read_source;
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View};

/// Store a manifest as a version of its application, without running it
///
/// The manifest is checked first, and nothing is stored while it has errors. Paths of images count from its directory, and
/// the digests of these files are stored with it: the same manifest with the same files is no new version.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app put shop.yaml               Store it; `weft app deploy shop` runs it
  weft app put shop.yaml --dry-run     Check it, and see what would change
  generate | weft app put -            Read it from standard input")]
pub(crate) struct PutArgs {
    /// The manifest, YAML or JSON; `-` is standard input
    file: String,

    #[command(flatten)]
    checks: CheckArgs,
}

/// How a manifest is checked.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CheckArgs {
    /// Check the manifest and tell what would change, without storing it
    #[arg(long, env = "WEFT_DRY_RUN", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    pub(crate) dry_run: bool,

    /// Take what is odd about the manifest as errors
    #[arg(long, env = "WEFT_STRICT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    pub(crate) strict: bool,
}

/// What a manifest is to those that were stored before.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revision {
    /// The first version of its application.
    First,
    /// A further version.
    New,
    /// A version that was stored before.
    Stored,
}

/// A manifest was stored.
#[derive(Debug, Serialize)]
struct PutView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// The version as which it is stored.
    version: String,
    /// What it is to those stored before.
    revision: Revision,
    /// What the manager says.
    message: String,
}

/// What became of a `put`.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) version: String,
    pub(crate) revision: Revision,
    pub(crate) message: String,
}

/// Stores the manifest, or tells what storing it would change.
pub(crate) async fn run(args: &PutArgs, context: &mut Context) -> Result<(), Failure> {
    let source = read_source(context, &args.file)?;
    let manifest = read_manifest(source, args.checks.strictness()).tell(&mut context.console)?;
    let lattice = context.connect().await?;
    if args.checks.dry_run {
        let view = compare(&lattice, &manifest).await?;
        context.show(&view);
        return Ok(());
    }
    let stored = put(&lattice, &manifest).await?;
    context.show(&PutView {
        schema_version: SchemaVersion,
        name: manifest.application.name.to_string(),
        version: stored.version,
        revision: stored.revision,
        message: stored.message,
    });
    Ok(())
}

/// Stores `manifest`.
pub(crate) async fn put(lattice: &Lattice, manifest: &Manifest) -> Result<Stored, AppError> {
    put_json(
        lattice,
        &manifest.application.name,
        &manifest.document.to_json(),
    )
    .await
}

/// Stores the manifest `json` of the application `name`.
pub(crate) async fn put_json(
    lattice: &Lattice,
    name: &ApplicationName,
    json: &str,
) -> Result<Stored, AppError> {
    let applications = lattice.applications();
    let known = versions(lattice, name).await?;
    let reply = applications
        .put(json.as_bytes().to_vec(), ManifestFormat::Json)
        .await
        .map_err(|error| AppError::of(error, lattice.name()))?;
    let version = reply
        .current_version
        .ok_or_else(|| AppError::NoVersion { name: name.clone() })?;
    let revision = match &known {
        None => Revision::First,
        Some(known) if known.contains(&version) => Revision::Stored,
        Some(_) => Revision::New,
    };
    Ok(Stored {
        version,
        revision,
        message: reply.message,
    })
}

/// The versions of an application, oldest first; `None` when there is no such application.
async fn versions(
    lattice: &Lattice,
    name: &ApplicationName,
) -> Result<Option<Vec<String>>, AppError> {
    let versions = lattice
        .applications()
        .versions(name)
        .await
        .map_err(|error| AppError::of(error, lattice.name()))?;
    Ok(versions.map(|versions| versions.into_iter().map(|entry| entry.version).collect()))
}

// ===== impl CheckArgs =====

impl CheckArgs {
    /// How odd manifests are taken.
    pub(crate) fn strictness(self) -> Strictness {
        if self.strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        }
    }
}

// ===== impl View for PutView =====

impl View for PutView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let Self { name, version, .. } = self;
        vec![Block::Done(match self.revision {
            Revision::First => {
                format!("stored `{name}`, a new application, as version `{version}`")
            }
            Revision::New => format!("stored `{name}` as version `{version}`"),
            Revision::Stored => {
                format!("nothing changed: version `{version}` of `{name}` is the same")
            }
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
