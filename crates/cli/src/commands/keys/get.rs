//! `weft keys get`: one key.

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;

use super::PlaceArgs;
use super::list::KeyView;
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View};

/// Show one key: its public half, and the seed where that is asked for
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft keys get acme                   Show the public half of a key
  weft keys get acme --seed            Show the private one too
  weft keys get ./acme.nk              Show the public half of a key in a file")]
pub(super) struct GetArgs {
    /// The name of the key, or a file
    #[arg(value_name = "NAME|FILE")]
    name: String,

    /// Show the seed too: whoever has it can sign in your name
    #[arg(long, env = "WEFT_SEED", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    seed: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

/// A key.
#[derive(Serialize)]
struct GetView {
    schema_version: SchemaVersion,
    /// The key.
    key: KeyView,
    /// The private half, where it was asked for.
    seed: Option<String>,
}

/// Shows the key.
pub(super) fn run(args: &GetArgs, context: &mut Context) -> Result<(), Failure> {
    let found = super::keyring(&args.place, context)?.find(&args.name, &context.directory)?;
    context.show(&GetView {
        schema_version: SchemaVersion,
        key: KeyView::from(&found),
        seed: args.seed.then(|| found.key.seed().to_owned()),
    });
    Ok(())
}

impl View for GetView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let lines = std::iter::once(&self.key.public_key).chain(&self.seed);
        lines.cloned().map(Block::Line).collect()
    }

    fn names(&self) -> Vec<String> {
        vec![self.key.name.clone()]
    }
}
