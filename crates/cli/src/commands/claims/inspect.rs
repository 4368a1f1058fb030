//! `weft claims inspect`: what claims say, and whether they hold.

use clap::Args;
use serde::Serialize;

use crate::arguments::{LoginArgs, RegistryArgs};
use crate::artifacts::{ClaimsView, examine};
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View};

/// Show the claims of a component or provider archive, and whether they hold
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft claims inspect web_s.wasm       See the claims of a file
  weft claims inspect ghcr.io/acme/web:1.2.0
                                       See those of what is in a registry")]
pub(super) struct InspectArgs {
    /// A file, or a reference to a registry
    #[arg(value_name = "FILE|REFERENCE")]
    source: String,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// The claims of something.
#[derive(Debug, Serialize)]
struct InspectView {
    schema_version: SchemaVersion,
    /// The file or reference.
    source: String,
    /// What its claims say; `null` when it is not signed.
    claims: Option<ClaimsView>,
}

/// Shows the claims.
pub(super) async fn run(args: &InspectArgs, context: &mut Context) -> Result<(), Failure> {
    let examined = examine(&args.source, &args.registry, &args.login, context).await?;
    context.show(&InspectView {
        schema_version: SchemaVersion,
        source: args.source.clone(),
        claims: examined.claims,
    });
    Ok(())
}

impl View for InspectView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        match &self.claims {
            None => vec![Block::Nothing(format!("`{}` is not signed", self.source))],
            Some(claims) => claims
                .rows()
                .into_iter()
                .map(|(name, value)| Block::Line(format!("{name}: {value}")))
                .collect(),
        }
    }

    fn names(&self) -> Vec<String> {
        self.claims
            .iter()
            .map(|claims| claims.subject.clone())
            .collect()
    }
}
