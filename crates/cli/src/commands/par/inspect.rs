//! `weft par inspect`: what is in a provider archive.

use clap::Args;

use crate::arguments::{LoginArgs, RegistryArgs};
use crate::artifacts::{ArtifactError, Content, examine};
use crate::commands::inspect::InspectView;
use crate::context::Context;
use crate::failure::Failure;

/// Show what is in a provider archive, whose claims and hashes are verified
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft par inspect echo.par.gz         See what is in a file
  weft par inspect ghcr.io/acme/echo:1.0.0
                                       See what is in an archive in a registry")]
pub(super) struct InspectArgs {
    /// A file, or a reference to a registry
    #[arg(value_name = "FILE|REFERENCE")]
    source: String,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Shows the archive.
pub(super) async fn run(args: &InspectArgs, context: &mut Context) -> Result<(), Failure> {
    let examined = examine(&args.source, &args.registry, &args.login, context).await?;
    if !matches!(examined.content, Content::Archive { .. }) {
        return Err(ArtifactError::Content {
            path: args.source.clone().into(),
            wanted: "a provider archive",
        }
        .into());
    }
    context.show(&InspectView::new(args.source.clone(), examined));
    Ok(())
}
