//! Configurations of streams while they are being copied, and after.

use serde_json::{Map, Value, json};

use super::jetstream::{SourceInfo, StreamInfo};

/// The beginning of the subject of messages that fill gaps.
const FILLER_PREFIX: &str = "_weft_copy";
/// The shortest window for duplicates that servers allow, in nanoseconds.
const DUPLICATE_WINDOW_MIN: u64 = 100_000_000;
/// Limits, and what a stream without them says.
const UNLIMITED: [(&str, i64); 6] = [
    ("max_msgs", -1),
    ("max_msgs_per_subject", -1),
    ("max_bytes", -1),
    ("max_msg_size", -1),
    ("max_consumers", -1),
    ("max_age", 0),
];
/// What makes a stream change, refuse, take or pass on messages by itself. Left out while it is being copied.
const LEFT_OUT: [&str; 11] = [
    "sources",
    "mirror",
    "republish",
    "subject_transform",
    "discard_new_per_subject",
    "sealed",
    "deny_delete",
    "deny_purge",
    "consumer_limits",
    "first_seq",
    "subject_delete_marker_ttl",
];

/// The subject on which messages are published that fill gaps in the numbers of `stream`.
pub(super) fn filler_subject(stream: &str) -> String {
    format!("{FILLER_PREFIX}.{stream}")
}

pub(super) fn is_mirror(config: &Value) -> bool {
    config["mirror"].is_object()
}

pub(super) fn has_sources(config: &Value) -> bool {
    config["sources"]
        .as_array()
        .is_some_and(|sources| !sources.is_empty())
}

/// Whether messages are removed by what consumers do.
pub(super) fn is_consumed(config: &Value) -> bool {
    config["retention"]
        .as_str()
        .is_some_and(|retention| retention != "limits")
}

/// Whether messages without a consumer are not kept.
pub(super) fn needs_interest(config: &Value) -> bool {
    config["retention"] == "interest"
}

/// Whether a stream with the configuration `target` can become one with `source`: these cannot be changed.
pub(super) fn is_same_kind(source: &Value, target: &Value) -> bool {
    ["storage", "retention"]
        .iter()
        .all(|&key| source[key] == target[key])
}

/// Whether single messages may not be removed.
pub(super) fn denies_delete(config: &Value) -> bool {
    config["deny_delete"] == true
}

/// The configuration while the stream is being copied: no limits, a subject for fillers, nothing that acts by itself.
/// `present` is that of the target, if it is there: what servers let nobody take back stays. `extra_subjects` are those
/// of messages that came from elsewhere than the stream's own subjects.
pub(super) fn staging(
    source: &Value,
    present: Option<&Value>,
    replicas: Option<u8>,
    extra_subjects: &[String],
) -> Value {
    let mut config = base(source, replicas);
    for key in LEFT_OUT {
        config.remove(key);
    }
    for (key, value) in UNLIMITED {
        config.insert(key.to_owned(), json!(value));
    }
    config.insert("discard".to_owned(), json!("old"));
    config.insert("duplicate_window".to_owned(), json!(DUPLICATE_WINDOW_MIN));
    for key in ["deny_delete", "deny_purge"] {
        if present.is_some_and(|present| present[key] == true) {
            config.insert(key.to_owned(), json!(true));
        }
    }
    let name = source["name"].as_str().unwrap_or_default();
    let mut subjects: Vec<Value> = source["subjects"].as_array().cloned().unwrap_or_default();
    subjects.extend(extra_subjects.iter().map(|subject| json!(subject)));
    subjects.push(json!(filler_subject(name)));
    config.insert("subjects".to_owned(), Value::Array(subjects));
    Value::Object(config)
}

/// The configuration when everything is copied. What the stream took from others before is not taken again.
pub(super) fn finished(
    source: &StreamInfo,
    replicas: Option<u8>,
    lasts: &[(String, u64)],
) -> Value {
    let mut config = base(&source.config, replicas);
    config.remove("first_seq");
    if let Some(sources) = config.get_mut("sources").and_then(Value::as_array_mut) {
        for entry in sources {
            if let Some(next) = next_from(entry, &source.sources, lasts) {
                entry["opt_start_seq"] = json!(next);
                if let Some(entry) = entry.as_object_mut() {
                    entry.remove("opt_start_time");
                }
            }
        }
    }
    Value::Object(config)
}

/// The number of the next message to take from a stream; `None` when it is not known, or the first.
fn next_from(entry: &Value, sources: &[SourceInfo], lasts: &[(String, u64)]) -> Option<u64> {
    let name = entry["name"].as_str()?;
    let lag = sources.iter().find(|source| source.name == name)?.lag;
    let (_, last) = lasts.iter().find(|(stream, _)| stream == name)?;
    let next = last.saturating_sub(lag) + 1;
    (next > 1).then_some(next)
}

fn base(config: &Value, replicas: Option<u8>) -> Map<String, Value> {
    let mut config = config.as_object().cloned().unwrap_or_default();
    if let Some(replicas) = replicas {
        config.insert("num_replicas".to_owned(), json!(replicas));
    }
    // Servers since 2.11 write into it what they need of a server, which they then find unknown to be set.
    if let Some(metadata) = config.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !key.starts_with("_nats."));
        if metadata.is_empty() {
            config.remove("metadata");
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(config: Value, sources: Value) -> StreamInfo {
        serde_json::from_value(json!({
            "config": config, "state": {}, "sources": sources
        }))
        .unwrap()
    }

    #[test]
    fn nothing_is_removed_while_it_is_copied() {
        let bucket = json!({
            "name": "KV_b", "subjects": ["$KV.b.>"], "retention": "limits", "storage": "file",
            "max_msgs_per_subject": 1, "max_age": 5, "deny_delete": true, "discard": "new",
            "allow_rollup_hdrs": true, "metadata": { "_nats.level": "1" },
        });
        let staging = staging(&bucket, None, Some(3), &[]);
        assert_eq!(staging["max_msgs_per_subject"], -1);
        assert_eq!(staging["max_age"], 0);
        assert_eq!(staging["deny_delete"], Value::Null);
        assert_eq!(staging["subjects"], json!(["$KV.b.>", "_weft_copy.KV_b"]));
        assert_eq!(staging["num_replicas"], 3);
        assert_eq!(staging["allow_rollup_hdrs"], true);
        assert_eq!(staging["metadata"], Value::Null);
        let again = super::staging(&bucket, Some(&bucket), None, &[]);
        assert_eq!(again["deny_delete"], true);
    }

    #[test]
    fn what_was_taken_from_another_stream_is_not_taken_again() {
        let stream = info(
            json!({ "name": "all", "sources": [{ "name": "a", "opt_start_time": "2026-01-01T00:00:00Z" }, { "name": "b" }] }),
            json!([{ "name": "a", "lag": 2 }, { "name": "b", "lag": 7 }]),
        );
        let lasts = [("a".to_owned(), 10), ("b".to_owned(), 7)];
        let config = finished(&stream, None, &lasts);
        assert_eq!(
            config["sources"],
            json!([{ "name": "a", "opt_start_seq": 9 }, { "name": "b" }])
        );
    }
}
