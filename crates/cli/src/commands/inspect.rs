//! `weft inspect`: what a component or provider archive is.

mod view;

pub(crate) use view::InspectView;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::arguments::{LoginArgs, RegistryArgs};
use crate::artifacts::{ArtifactError, Content, examine};
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, View};

/// Show what a component or provider archive is: what it imports and exports, what it needs, who signed it
///
/// What is in a registry is pulled into the cache. Nothing is run.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft inspect web.wasm                See the world of a component, its size and its claims
  weft inspect web.wasm --wit          Print its whole WIT, with the packages that it is about
  weft inspect ghcr.io/acme/web:1.2.0 -o json
                                       See what is in a registry, as JSON")]
pub(crate) struct InspectArgs {
    /// A file, or a reference to a registry
    #[arg(value_name = "FILE|REFERENCE")]
    source: String,

    /// Print the WIT alone, with all packages that it is about
    #[arg(long, env = "WEFT_WIT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    wit: bool,

    #[command(flatten)]
    login: LoginArgs,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Shows what it is.
pub(crate) async fn run(args: &InspectArgs, context: &mut Context) -> Result<(), Failure> {
    let examined = examine(&args.source, &args.registry, &args.login, context).await?;
    if args.wit && context.console.format().is_for_people() {
        return match examined.content {
            Content::Wasm { wit: Some(wit), .. } => {
                context.console.data(&wit.all);
                Ok(())
            }
            _ => Err(ArtifactError::Content {
                path: args.source.clone().into(),
                wanted: "a component, and has no WIT",
            }
            .into()),
        };
    }
    context.show(&InspectView::new(args.source.clone(), examined));
    Ok(())
}

impl View for InspectView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let mut blocks: Vec<Block> = self
            .rows()
            .into_iter()
            .map(|(name, value)| Block::Line(format!("{name}: {value}")))
            .collect();
        if let Some(world) = self.world() {
            blocks.push(Block::Line(String::new()));
            blocks.push(Block::Text(world.to_owned()));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.digest().to_owned()]
    }
}
