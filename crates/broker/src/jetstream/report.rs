//! What the thread of the streams tells those who watch.

use serde_json::{Value, json};

use super::Engine;
use super::api::{consumer_value, reserved_bytes, stream_value};
use super::config::Storage;

/// Streams that are told of one by one, at most.
const STREAMS_MAX: usize = 10_000;

/// What to tell beside sums.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReportRequest {
    pub(crate) streams: bool,
    pub(crate) consumers: bool,
    pub(crate) configs: bool,
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) memory_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) memory_bytes_reserved: u64,
    pub(crate) file_bytes_reserved: u64,
    pub(crate) streams: usize,
    pub(crate) consumers: usize,
    pub(crate) messages: u64,
    pub(crate) api_total: u64,
    pub(crate) api_errors: u64,
    /// By name, as `/jsz` shows them.
    pub(crate) streams_detail: Vec<Value>,
}

// ---------------------------------------------------------------------------------------------------------

impl Engine {
    pub(super) fn report(&self, request: ReportRequest) -> Report {
        let mut report = Report {
            streams: self.streams.len(),
            api_total: self.api_total,
            api_errors: self.api_errors,
            ..Report::default()
        };
        for slot in self.streams.values() {
            let (index, config) = (slot.core.index(), slot.core.config());
            let reserved = reserved_bytes(config.max_bytes);
            match config.storage {
                Storage::Memory => {
                    report.memory_bytes += index.bytes();
                    report.memory_bytes_reserved += reserved;
                }
                Storage::File => {
                    report.file_bytes += index.bytes();
                    report.file_bytes_reserved += reserved;
                }
            }
            report.messages += index.len();
            report.consumers += slot.consumers.len();
        }
        if request.streams {
            let ids = self.stream_names.values().take(STREAMS_MAX);
            report.streams_detail = ids
                .filter_map(|&id| self.stream_detail(id, request))
                .collect();
        }
        report
    }

    fn stream_detail(&self, id: crate::storage::StreamId, request: ReportRequest) -> Option<Value> {
        let now = self.clock.now();
        let slot = self.streams.get(&id)?;
        let mut detail = stream_value(self, now, id)?;
        let config = detail["config"].take();
        let fields = detail.as_object_mut()?;
        fields.remove("ts");
        fields.remove("config");
        fields.insert("name".to_owned(), json!(&*slot.name));
        // Tools tell by the leader which of several servers to believe.
        fields.insert("cluster".to_owned(), json!({ "leader": "" }));
        if request.configs {
            fields.insert("config".to_owned(), config);
        }
        if request.consumers {
            let consumers: Vec<Value> = slot
                .consumers
                .keys()
                .filter_map(|&key| {
                    let mut consumer = consumer_value(self, now, (id, key))?;
                    if !request.configs {
                        consumer.as_object_mut()?.remove("config");
                    }
                    Some(consumer)
                })
                .collect();
            fields.insert("consumer_detail".to_owned(), Value::Array(consumers));
        }
        Some(detail)
    }
}
