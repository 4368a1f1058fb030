//! What was done with a config.

use std::time::Duration;

use serde::Serialize;

use crate::ui::{count, render_elapsed};
use crate::view::{Block, SchemaVersion, View};

/// What was done with a config.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    /// It has these values now.
    Put,
    /// It is not there any more.
    Deleted,
    /// A host took the request; the outcome was not waited for.
    Acknowledged,
}

/// A config was put or deleted.
#[derive(Debug, Serialize)]
pub(super) struct ChangeView {
    pub(super) schema_version: SchemaVersion,
    /// Its name.
    pub(super) name: String,
    /// What was done.
    pub(super) status: Deed,
    /// The keys that it has now.
    pub(super) keys: Vec<String>,
    /// How long it took.
    pub(super) elapsed_ms: u64,
}

// ===== impl ChangeView =====

impl View for ChangeView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.name;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let values = count(self.keys.len(), "value");
        vec![Block::Done(match self.status {
            Deed::Put => format!("put config `{name}` with {values}, in {elapsed}"),
            Deed::Deleted => format!("deleted config `{name}`, in {elapsed}"),
            Deed::Acknowledged => format!("a host takes the request for config `{name}`"),
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
