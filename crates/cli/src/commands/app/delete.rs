//! `weft app delete`: remove versions of an application.

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::application::ApplicationError;
use weft_lattice::protocol::application::{DeleteResult, VersionEntry};
use weft_model::id::ApplicationName;

use super::AppError;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::count;
use crate::view::{Block, SchemaVersion, View};

/// Remove a version of an application, or the application with all its versions
///
/// What runs of it stops running when the deployed version is among what is removed. Asks first.
#[derive(Args, Debug)]
#[command(visible_aliases = ["del", "rm"], after_help = "\
Examples:
  weft app delete shop                 Remove the application and all its versions
  weft app delete shop v1              Remove a version
  weft app delete shop --yes           Do not ask, such as in a script")]
pub(crate) struct DeleteArgs {
    /// The application
    name: ApplicationName,

    /// The version [default: all]
    version: Option<String>,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,
}

/// Versions were removed.
#[derive(Debug, Serialize)]
struct DeleteView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// The versions that were removed, oldest first.
    versions: Vec<String>,
    /// Whether all versions, and with them the application, were removed.
    is_whole: bool,
    /// Whether what ran of it stops running.
    stops: bool,
}

/// Removes after asking.
pub(crate) async fn run(args: &DeleteArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let applications = lattice.applications();
    let of = |error: ApplicationError| AppError::of(error, lattice.name());
    let Some(known) = applications.versions(&args.name).await.map_err(of)? else {
        return Err(AppError::unknown(&applications, lattice.name(), &args.name)
            .await
            .into());
    };
    let chosen = choose(args, &known)?;
    let is_whole = chosen.len() == known.len();
    if !args.yes {
        let (action, consequence) = describe(args, &chosen);
        context.console.confirm(&action, &consequence).await?;
    }
    let reply = applications
        .delete(&args.name, args.version.as_deref())
        .await
        .map_err(of)?;
    if reply.result == DeleteResult::Noop {
        // Somebody else was faster.
        return Err(AppError::unknown(&applications, lattice.name(), &args.name)
            .await
            .into());
    }
    context.show(&DeleteView {
        schema_version: SchemaVersion,
        name: args.name.to_string(),
        // Managers say so of every application that is gone, also of one that did not run.
        stops: reply.undeploy && chosen.iter().any(|entry| entry.deployed),
        versions: chosen.into_iter().map(|entry| entry.version).collect(),
        is_whole,
    });
    Ok(())
}

/// The versions that are to be removed.
fn choose(args: &DeleteArgs, known: &[VersionEntry]) -> Result<Vec<VersionEntry>, AppError> {
    let Some(version) = &args.version else {
        return Ok(known.to_vec());
    };
    let chosen = known.iter().find(|entry| entry.version == *version);
    match chosen {
        Some(chosen) => Ok(vec![chosen.clone()]),
        None => {
            let known: Vec<String> = known.iter().map(|entry| entry.version.clone()).collect();
            Err(AppError::unknown_version(&args.name, version, &known))
        }
    }
}

/// What is to be done, and what comes of it.
fn describe(args: &DeleteArgs, chosen: &[VersionEntry]) -> (String, String) {
    let name = &args.name;
    let (action, what) = match &args.version {
        Some(version) => (
            format!("deleting version `{version}` of `{name}`"),
            format!("this removes version `{version}` of application `{name}`"),
        ),
        None => (
            format!("deleting `{name}`"),
            format!(
                "this removes application `{name}` with {}",
                count(chosen.len(), "version")
            ),
        ),
    };
    let stops = chosen.iter().any(|entry| entry.deployed);
    let consequence = if stops {
        format!("{what}, and stops it.")
    } else {
        format!("{what}.")
    };
    (action, consequence)
}

// ===== impl View for DeleteView =====

impl View for DeleteView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.name;
        let stops = if self.stops {
            ", which stops running"
        } else {
            ""
        };
        vec![Block::Done(match self.versions.as_slice() {
            [version] if !self.is_whole => {
                format!("deleted version `{version}` of `{name}`{stops}")
            }
            versions => format!(
                "deleted `{name}` with {}{stops}",
                count(versions.len(), "version")
            ),
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
