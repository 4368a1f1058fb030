//! What was done with links.

use std::time::Duration;

use serde::Serialize;

use crate::commands::get::links::LinkView;
use crate::ui::{count, render_elapsed};
use crate::view::{Block, SchemaVersion, View};

/// What was done with links.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Deed {
    /// It is there now.
    Put,
    /// It is not there any more.
    Deleted,
    /// A host took the request; the outcome was not waited for.
    Acknowledged,
}

/// Links were put or deleted.
#[derive(Debug, Serialize)]
pub(super) struct ChangeView {
    pub(super) schema_version: SchemaVersion,
    /// What was done.
    pub(super) status: Deed,
    /// The links.
    pub(super) links: Vec<LinkView>,
    /// How long it took.
    pub(super) elapsed_ms: u64,
}

// ===== impl ChangeView =====

impl View for ChangeView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let what = match self.links.as_slice() {
            [link] => format!("link {link}"),
            links => count(links.len(), "link"),
        };
        vec![Block::Done(match self.status {
            Deed::Put => format!("put {what}, in {elapsed}"),
            Deed::Deleted => format!("deleted {what}, in {elapsed}"),
            Deed::Acknowledged => format!("a host takes the request for {what}"),
        })]
    }

    fn names(&self) -> Vec<String> {
        self.links.iter().map(LinkView::name).collect()
    }
}
