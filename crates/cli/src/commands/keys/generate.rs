//! `weft keys gen`: make a key.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;

use super::PlaceArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::{Key, Kind};
use crate::view::{Block, SchemaVersion, View};

/// Make a key
///
/// With a name it is kept in a file for its owner alone, and its public half is printed. Without one it is kept nowhere, and
/// both halves are printed: the seed is the only copy.
#[derive(Args, Debug)]
#[command(
    name = "gen",
    after_help = "\
Examples:
  weft keys gen account acme           Make an account key, and keep it as `acme`
  weft keys gen host                   Make a host's key, and print both halves"
)]
pub(super) struct GenArgs {
    /// The kind of key
    #[arg(value_name = "KIND", value_enum, ignore_case = true)]
    kind: Kind,

    /// The name to keep it under
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Replace a key of this name
    #[arg(long, env = "WEFT_FORCE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    force: bool,

    #[command(flatten)]
    place: PlaceArgs,
}

/// A key that was made.
#[derive(Serialize)]
struct GenView {
    schema_version: SchemaVersion,
    /// The kind of key.
    kind: &'static str,
    /// The public half.
    public_key: String,
    /// The private half; `null` where it is kept in a file.
    seed: Option<String>,
    /// The file; `null` where it is kept nowhere.
    file: Option<PathBuf>,
}

/// Makes the key.
pub(super) fn run(args: &GenArgs, context: &mut Context) -> Result<(), Failure> {
    let key = Key::generate(args.kind);
    let (public_key, seed, file) = match &args.name {
        Some(name) => {
            let keyring = super::keyring(&args.place, context)?;
            let kept = keyring.keep(name, key, args.force)?;
            (kept.key.public, None, Some(kept.path))
        }
        None => (key.public.clone(), Some(key.seed().to_owned()), None),
    };
    context.show(&GenView {
        schema_version: SchemaVersion,
        kind: args.kind.word(),
        public_key,
        seed,
        file,
    });
    Ok(())
}

impl View for GenView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        match (&self.seed, &self.file) {
            (Some(seed), _) => vec![
                Block::Line(format!("public key: {}", self.public_key)),
                Block::Line(format!("seed: {seed}")),
                Block::Done("keep the seed to yourself: whoever has it is you".to_owned()),
            ],
            (None, Some(file)) => vec![
                Block::Line(self.public_key.clone()),
                Block::Done(format!("seed in {}, for your eyes alone", file.display())),
            ],
            (None, None) => vec![Block::Line(self.public_key.clone())],
        }
    }

    fn names(&self) -> Vec<String> {
        vec![self.public_key.clone()]
    }
}
