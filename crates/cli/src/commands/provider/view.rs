//! What was done with a provider.

use std::time::Duration;

use serde::Serialize;
use weft_lattice::protocol::event::Data;
use weft_model::id::ProviderId;
use weft_model::inventory::{HostInventory, ProviderInventory};

use crate::commands::outcome::Ended;
use crate::ui::render_elapsed;
use crate::view::{Block, SchemaVersion, View, millis};

/// What was done with a provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// It runs now.
    Started,
    /// It does not run any more.
    Stopped,
    /// A host takes the request; the outcome was not waited for.
    Acknowledged,
}

/// Something was done with a provider.
#[derive(Debug, Serialize)]
pub(crate) struct ProviderView {
    schema_version: SchemaVersion,
    /// Its id.
    id: String,
    /// The id of the host.
    host: String,
    /// The name of the host.
    host_name: String,
    /// Where its program comes from, or which built-in it is; `null` where that is not known.
    image: Option<String>,
    /// What stands in for the backend that its image means; `null` when nothing does.
    substitution: Option<String>,
    /// What was done.
    status: Deed,
    /// How long it took.
    elapsed_ms: u64,
}

/// The provider `id` in what a host runs.
pub(super) fn running<'h>(
    host: &'h HostInventory,
    id: &ProviderId,
) -> Option<&'h ProviderInventory> {
    host.providers.iter().find(|one| one.id == *id)
}

/// `provider` on `host`, in words.
pub(super) fn words(id: &ProviderId, host: &HostInventory) -> String {
    format!("provider `{id}` on host `{}`", host.friendly_name)
}

// ===== impl ProviderView =====

impl ProviderView {
    pub(super) fn new(
        id: &ProviderId,
        host: &HostInventory,
        image: Option<&str>,
        status: Deed,
        elapsed: Duration,
        ended: &Ended,
    ) -> Self {
        let mut view = Self {
            schema_version: SchemaVersion,
            id: id.to_string(),
            host: host.host.to_string(),
            host_name: host.friendly_name.clone(),
            image: image.map(str::to_owned),
            substitution: None,
            status,
            elapsed_ms: millis(elapsed),
        };
        match ended {
            Ended::Unawaited => view.status = Deed::Acknowledged,
            Ended::Told(event) => {
                if let Data::ProviderStarted(data) = &event.data {
                    view.image = Some(data.image_ref.clone());
                    view.substitution.clone_from(&data.weft_substitution);
                }
            }
            Ended::Seen => {}
        }
        view
    }
}

impl View for ProviderView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let Self { id, host_name, .. } = self;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let remark = match &self.substitution {
            Some(substitution) => format!(" ({substitution})"),
            None => String::new(),
        };
        vec![Block::Done(match self.status {
            Deed::Started => format!("started `{id}` on `{host_name}`{remark}, in {elapsed}"),
            Deed::Stopped => format!("stopped `{id}` on `{host_name}`, in {elapsed}"),
            Deed::Acknowledged => format!("`{host_name}` takes the request for `{id}`"),
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.id.clone()]
    }
}
