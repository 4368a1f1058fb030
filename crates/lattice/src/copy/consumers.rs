//! Durable consumers. Where one stands is kept as the number from which its copy starts: what was delivered and not
//! acknowledged is delivered again.

use serde_json::{Value, json};

use super::error::CopyError;
use super::jetstream::{ConsumerInfo, Jetstream};

/// Makes the durable consumers of `stream` that the target does not have; their number.
pub(super) async fn copy(
    from: &Jetstream,
    to: &Jetstream,
    stream: &str,
    is_work_queue: bool,
    replicas: Option<u8>,
) -> Result<u64, CopyError> {
    let mut made = 0;
    for consumer in from.consumers(stream).await? {
        let Some(name) = durable_name(&consumer.config) else {
            continue;
        };
        if to.has_consumer(stream, name).await? {
            continue;
        }
        let config = copied_config(&consumer, is_work_queue, replicas);
        to.create_consumer(stream, name, &config).await?;
        made += 1;
    }
    Ok(made)
}

fn durable_name(config: &Value) -> Option<&str> {
    config["durable_name"]
        .as_str()
        .filter(|name| !name.is_empty())
}

/// The configuration of the copy. A work queue holds nothing that was acknowledged, and takes no other start than its first.
fn copied_config(consumer: &ConsumerInfo, is_work_queue: bool, replicas: Option<u8>) -> Value {
    let mut config = consumer.config.clone();
    let Some(fields) = config.as_object_mut() else {
        return config;
    };
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !key.starts_with("_nats."));
        if metadata.is_empty() {
            fields.remove("metadata");
        }
    }
    // Zero means as many as the stream has.
    if replicas.is_some() {
        fields.insert("num_replicas".to_owned(), json!(0));
    }
    let has_begun = consumer.delivered.stream_sequence > 0;
    if has_begun && !is_work_queue {
        fields.remove("opt_start_time");
        fields.insert("deliver_policy".to_owned(), json!("by_start_sequence"));
        fields.insert("opt_start_seq".to_owned(), json!(start(consumer)));
    }
    config
}

/// The number of the first message that is delivered again. Without acknowledgements it is the first that was not yet.
fn start(consumer: &ConsumerInfo) -> u64 {
    let done = if consumer.config["ack_policy"] == "none" {
        consumer.delivered.stream_sequence
    } else {
        consumer.ack_floor.stream_sequence
    };
    done + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(config: Value, delivered: u64, floor: u64) -> ConsumerInfo {
        serde_json::from_value(json!({
            "config": config,
            "delivered": { "stream_seq": delivered },
            "ack_floor": { "stream_seq": floor },
        }))
        .unwrap()
    }

    #[test]
    fn a_consumer_goes_on_after_what_was_acknowledged() {
        let config =
            json!({ "durable_name": "d", "deliver_policy": "all", "ack_policy": "explicit" });
        let copied = copied_config(&consumer(config.clone(), 9, 4), false, None);
        assert_eq!(copied["deliver_policy"], "by_start_sequence");
        assert_eq!(copied["opt_start_seq"], 5);
        assert_eq!(
            copied_config(&consumer(config.clone(), 0, 0), false, None),
            config
        );
        assert_eq!(
            copied_config(&consumer(config.clone(), 9, 4), true, None),
            config
        );
        let unacknowledged = json!({ "durable_name": "d", "ack_policy": "none" });
        let copied = copied_config(&consumer(unacknowledged, 9, 0), false, None);
        assert_eq!(copied["opt_start_seq"], 10);
    }
}
