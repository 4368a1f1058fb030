//! What was done with a component.

use std::time::Duration;

use serde::Serialize;
use weft_lattice::protocol::event::{Data, Event};
use weft_model::id::ComponentId;
use weft_model::inventory::HostInventory;

use crate::commands::outcome::Ended;
use crate::ui::{count, render_elapsed};
use crate::view::{Block, SchemaVersion, View, millis};

/// What was done with a component.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// It runs now.
    Started,
    /// It runs with another number of instances.
    Scaled,
    /// It runs from another image.
    Updated,
    /// It does not run any more.
    Stopped,
    /// It was so already.
    Unchanged,
    /// A host takes the request; the outcome was not waited for.
    Acknowledged,
}

/// Something was done with a component.
#[derive(Debug, Serialize)]
pub(crate) struct ComponentView {
    schema_version: SchemaVersion,
    /// Its id.
    id: String,
    /// The id of the host.
    host: String,
    /// The name of the host.
    host_name: String,
    /// Where its bytes come from; `null` where that is not known.
    image: Option<String>,
    /// How many of its calls may run at once there.
    instances_max: u32,
    /// What was done.
    status: Deed,
    /// How long it took.
    elapsed_ms: u64,
}

// ===== impl ComponentView =====

impl ComponentView {
    pub(super) fn new(
        id: &ComponentId,
        host: &HostInventory,
        image: Option<&str>,
        instances_max: u32,
        status: Deed,
        elapsed: Duration,
    ) -> Self {
        Self {
            schema_version: SchemaVersion,
            id: id.to_string(),
            host: host.host.to_string(),
            host_name: host.friendly_name.clone(),
            image: image.map(str::to_owned),
            instances_max,
            status,
            elapsed_ms: millis(elapsed),
        }
    }

    /// This view, where the waiting ended so: what the event tells comes before what was asked for.
    pub(super) fn ended(mut self, ended: &Ended) -> Self {
        match ended {
            Ended::Unawaited => self.status = Deed::Acknowledged,
            Ended::Seen => {}
            Ended::Told(event) => self.take(event),
        }
        self
    }

    fn take(&mut self, event: &Event) {
        if let Data::ComponentScaled(data) = &event.data
            && !data.image_ref.is_empty()
        {
            self.image = Some(data.image_ref.clone());
        }
    }
}

impl View for ComponentView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let Self {
            id,
            host_name,
            instances_max,
            ..
        } = self;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let calls = count(
            usize::try_from(*instances_max).unwrap_or(usize::MAX),
            "call",
        );
        let image = self.image.as_deref().unwrap_or("an unknown image");
        vec![Block::Done(match self.status {
            Deed::Started => {
                format!("started `{id}` on `{host_name}` for {calls} at once, in {elapsed}")
            }
            Deed::Scaled => {
                format!("scaled `{id}` on `{host_name}` to {calls} at once, in {elapsed}")
            }
            Deed::Updated => format!("updated `{id}` on `{host_name}` to {image}, in {elapsed}"),
            Deed::Stopped => format!("stopped `{id}` on `{host_name}`, in {elapsed}"),
            Deed::Unchanged if *instances_max == 0 => {
                format!("`{id}` does not run on `{host_name}`; nothing was done")
            }
            Deed::Unchanged => {
                format!("`{id}` runs from {image} on `{host_name}` already; nothing was done")
            }
            Deed::Acknowledged => format!("`{host_name}` takes the request for `{id}`"),
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.id.clone()]
    }
}
