//! `weft keys list`: the keys that are kept.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::PlaceArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::keyring::NamedKey;
use crate::ui::Table;
use crate::view::{Block, SchemaVersion, View};

/// List the keys that are kept, by their public halves
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft keys list                       See which keys there are
  weft keys list --keys-dir ~/.local/share/wash/keys
                                       See those of wash")]
pub(super) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// The keys that are kept.
#[derive(Serialize)]
struct KeysView {
    schema_version: SchemaVersion,
    /// By name.
    keys: Vec<KeyView>,
}

/// A key, without its private half.
#[derive(Serialize)]
pub(super) struct KeyView {
    /// Its name.
    pub(super) name: String,
    /// The kind of key.
    kind: &'static str,
    /// The public half.
    pub(super) public_key: String,
    /// The file.
    file: PathBuf,
}

/// Lists the keys.
pub(super) fn run(args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let keys = super::keyring(&args.place, context)?.list()?;
    context.show(&KeysView {
        schema_version: SchemaVersion,
        keys: keys.iter().map(KeyView::from).collect(),
    });
    Ok(())
}

// ===== impl KeyView =====

impl From<&NamedKey> for KeyView {
    fn from(key: &NamedKey) -> Self {
        Self {
            name: key.name.clone(),
            kind: key.key.kind.word(),
            public_key: key.key.public.clone(),
            file: key.path.clone(),
        }
    }
}

impl View for KeysView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.keys.is_empty() {
            let text = "there are no keys; make one with `weft keys gen`";
            return vec![Block::Nothing(text.to_owned())];
        }
        let mut headers = vec!["NAME", "KIND", "PUBLIC KEY"];
        if is_wide {
            headers.push("FILE");
        }
        let mut table = Table::new(headers);
        for key in &self.keys {
            let mut row = vec![
                key.name.clone(),
                key.kind.to_owned(),
                key.public_key.clone(),
            ];
            if is_wide {
                row.push(key.file.display().to_string());
            }
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.name.clone()).collect()
    }
}
