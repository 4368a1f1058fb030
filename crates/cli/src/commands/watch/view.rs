//! An event, as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use weft_lattice::protocol::event::{Data, Event};
use weft_lattice::protocol::json;

use super::line::{describe, parts_of};
use crate::commands::get::short_id;
use crate::view::{Block, SchemaVersion, View};

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    schema_version: SchemaVersion,
    /// When it happened, by the clock of the host; `null` where the host does not tell.
    time: Option<String>,
    /// Its kind, such as `component_scaled`.
    kind: String,
    /// The id of the host that tells it.
    host: String,
    /// The name of the host; `null` where it is not known.
    host_name: Option<String>,
    /// What it tells, in a line.
    message: String,
    /// The ids of the components and providers that it is about.
    parts: Vec<String>,
    /// What it tells, as it was told.
    data: Value,
}

/// Takes note of the name that a host tells of itself.
pub(super) fn learn_name(event: &Event, names: &mut BTreeMap<String, String>) {
    let name = match &event.data {
        Data::HostStarted(data) => &data.friendly_name,
        Data::HostHeartbeat(data) => &data.friendly_name,
        _ => return,
    };
    if !name.is_empty() {
        names.insert(event.source.clone(), name.clone());
    }
}

// ===== impl EventView =====

impl EventView {
    pub(super) fn new(event: &Event, host_name: Option<&String>) -> Self {
        let whole: Option<Value> = json::decode(&event.encode()).ok();
        let data = whole.and_then(|mut whole| whole.get_mut("data").map(Value::take));
        Self {
            schema_version: SchemaVersion,
            time: event.time.map(|time| time.to_string()),
            kind: event.data.name().to_owned(),
            host: event.source.clone(),
            host_name: host_name.cloned(),
            message: describe(&event.data),
            parts: parts_of(&event.data)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            data: data.unwrap_or_default(),
        }
    }

    /// Hours, minutes, seconds and milliseconds of the time.
    fn clock(&self) -> &str {
        let time = self.time.as_deref().unwrap_or_default();
        let clock = time.split_once('T').map_or("", |(_, clock)| clock);
        let end = clock.len().min("00:00:00.000".len());
        clock.get(..end).unwrap_or(clock).trim_end_matches('Z')
    }
}

impl View for EventView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let host = match &self.host_name {
            Some(name) if !is_wide => name.clone(),
            None if !is_wide => short_id(&self.host),
            _ => self.host.clone(),
        };
        let kind = if is_wide {
            format!("  {}", self.kind)
        } else {
            String::new()
        };
        vec![Block::Line(format!(
            "{}  {host}{kind}  {}",
            self.clock(),
            self.message
        ))]
    }

    fn names(&self) -> Vec<String> {
        vec![self.kind.clone()]
    }
}
