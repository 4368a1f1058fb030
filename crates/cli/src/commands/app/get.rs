//! `weft app get`: the stored manifest of an application.

mod order;

use clap::{Args, ValueEnum};
use weft_lattice::application::ApplicationError;
use weft_model::id::ApplicationName;

use self::order::Manifest;
use super::AppError;
use crate::console::{Format, render_json, render_yaml};
use crate::context::Context;
use crate::failure::Failure;

/// Print the stored manifest of an application
///
/// It is the manifest as it was put, with whole paths, digests of files and its version.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app get shop > shop.yaml        Take the newest version out of the lattice
  weft app get shop v1 --format json   Print a version as JSON")]
pub(crate) struct GetArgs {
    /// The application
    name: ApplicationName,

    /// The version [default: the newest]
    version: Option<String>,

    /// How to print the manifest [default: YAML, or JSON with `-o json`]
    #[arg(long, env = "WEFT_FORMAT", hide_env_values = true)]
    format: Option<ManifestFormat>,
}

/// How to print a manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ManifestFormat {
    /// YAML, as manifests are written
    Yaml,
    /// JSON
    Json,
}

/// Prints the manifest: its own form is the contract, so there is no other around it.
pub(crate) async fn run(args: &GetArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let applications = lattice.applications();
    let of = |error: ApplicationError| AppError::of(error, lattice.name());
    let name = &args.name;
    let manifest = applications
        .manifest(name, args.version.as_deref())
        .await
        .map_err(of)?;
    let Some(manifest) = manifest else {
        let versions = applications.versions(name).await.map_err(of)?;
        return Err(match (versions, &args.version) {
            (Some(known), Some(version)) => {
                let known: Vec<String> = known.into_iter().map(|entry| entry.version).collect();
                AppError::unknown_version(name, version, &known)
            }
            _ => AppError::unknown(&applications, lattice.name(), name).await,
        }
        .into());
    };
    let manifest = Manifest::of(manifest);
    let text = match (args.format, context.console.format()) {
        (_, Format::Name) => format!("{name}\n"),
        (Some(ManifestFormat::Json), _) | (None, Format::Json) => render_json(&manifest),
        (Some(ManifestFormat::Yaml) | None, _) => render_yaml(&manifest),
    };
    context.console.data(&text);
    Ok(())
}
