//! The answers of the API, field by field.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Api, SECOND};
use crate::server::{Server, V2_10, V2_11, Version, behaviours};

behaviours!(
    a_stream_is_described,
    a_consumer_is_described,
    every_option_of_a_stream_is_kept,
    every_option_of_a_consumer_is_kept,
    the_account_is_described,
    publishes_are_acknowledged,
    stored_messages_are_described,
    lists_are_paged,
    changes_are_confirmed,
);

/// Fields of streams that came later, and since when.
const STREAM_LATER: [(Version, &str); 6] = [
    (V2_10, "ts"),
    (V2_10, "config.compression"),
    (V2_10, "config.consumer_limits"),
    (V2_11, "config.allow_msg_ttl"),
    (V2_11, "config.metadata._nats.level"),
    (V2_11, "cluster"),
];

/// Fields of consumers that came later, and since when.
const CONSUMER_LATER: [(Version, &str); 3] = [
    (V2_10, "ts"),
    (V2_10, "config.name"),
    (V2_11, "config.metadata._nats.level"),
];

/// Compares an answer with what 2.9 says, except for what is known to have come later: that must be there exactly
/// since then. Times are only times, and what a server notes of itself in metadata is its own affair.
fn check(server: &Server, mut found: Value, later: &[(Version, &str)], expected: &Value) {
    for (since, path) in later {
        let present = remove(&mut found, path);
        // A list of streams does not tell where each is led.
        let optional = *path == "cluster";
        assert!(
            present == server.offers(*since) || optional,
            "{path}: {found}"
        );
    }
    blur(&mut found);
    assert_eq!(found, *expected, "{found:#}");
}

/// Takes a field out, and says whether it was there.
fn remove(value: &mut Value, path: &str) -> bool {
    if let Some(rest) = path.strip_prefix("config.metadata.") {
        let metadata = value
            .get("config")
            .and_then(|config| config.get("metadata"));
        return metadata.is_some_and(|metadata| metadata.get(rest).is_some());
    }
    match path.split_once('.') {
        None => value
            .as_object_mut()
            .is_some_and(|fields| fields.remove(path).is_some()),
        Some((first, rest)) => value
            .get_mut(first)
            .is_some_and(|inner| remove(inner, rest)),
    }
}

/// Replaces what differs from run to run.
fn blur(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
                metadata.retain(|name, _| !name.starts_with("_nats."));
                if metadata.is_empty() {
                    fields.remove("metadata");
                }
            }
            fields.values_mut().for_each(blur);
        }
        Value::Array(items) => items.iter_mut().for_each(blur),
        Value::String(text) if is_time(text) => *text = "time".to_owned(),
        _ => {}
    }
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T' && text.ends_with('Z')
}

fn stream_config() -> Value {
    json!({
        "name": "S", "subjects": ["s.>"], "retention": "limits", "max_consumers": -1, "max_msgs": -1,
        "max_bytes": -1, "max_age": 0, "max_msgs_per_subject": -1, "max_msg_size": -1, "discard": "old",
        "storage": "memory", "num_replicas": 1, "duplicate_window": 120 * SECOND, "allow_direct": false,
        "mirror_direct": false, "sealed": false, "deny_delete": false, "deny_purge": false,
        "allow_rollup_hdrs": false,
    })
}

fn empty_state() -> Value {
    json!({
        "messages": 0, "bytes": 0, "first_seq": 0, "first_ts": "time", "last_seq": 0, "last_ts": "time",
        "consumer_count": 0,
    })
}

async fn a_stream_is_described(server: Server) {
    let api = Api::new(&server).await;
    let mut expected = json!({
        "type": "io.nats.jetstream.api.v1.stream_create_response",
        "config": stream_config(), "created": "time", "state": empty_state(), "did_create": true,
    });
    // Making it again changes nothing, and says the same.
    for _ in 0..2 {
        let found = api.stream(json!({})).await;
        check(&server, found, &STREAM_LATER, &expected);
    }
    api.fill(3).await;
    api.done("STREAM.MSG.DELETE.S", json!({ "seq": 2 })).await;
    expected["type"] = json!("io.nats.jetstream.api.v1.stream_info_response");
    expected.as_object_mut().unwrap().remove("did_create");
    for (name, value) in [("total", 0), ("offset", 0), ("limit", 0)] {
        expected[name] = json!(value);
    }
    expected["state"] = json!({
        "messages": 2, "bytes": 40, "first_seq": 1, "first_ts": "time", "last_seq": 3, "last_ts": "time",
        "num_subjects": 2, "num_deleted": 1, "consumer_count": 0,
    });
    let found = api.done("STREAM.INFO.S", json!({})).await;
    check(&server, found, &STREAM_LATER, &expected);
    expected["state"]["deleted"] = json!([2]);
    let found = api
        .done("STREAM.INFO.S", json!({ "deleted_details": true }))
        .await;
    check(&server, found, &STREAM_LATER, &expected);
    expected["state"].as_object_mut().unwrap().remove("deleted");
    expected["state"]["subjects"] = json!({ "s.1": 1, "s.3": 1 });
    expected["total"] = json!(2);
    expected["limit"] = json!(100_000);
    let found = api
        .done("STREAM.INFO.S", json!({ "subjects_filter": ">" }))
        .await;
    check(&server, found, &STREAM_LATER, &expected);
}

fn consumer_config() -> Value {
    json!({
        "durable_name": "c", "deliver_policy": "all", "ack_policy": "explicit", "ack_wait": 30 * SECOND,
        "max_deliver": -1, "replay_policy": "instant", "max_waiting": 512, "max_ack_pending": 1000,
        "num_replicas": 0,
    })
}

async fn a_consumer_is_described(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(3).await;
    let nowhere = json!({ "consumer_seq": 0, "stream_seq": 0 });
    let mut expected = json!({
        "type": "io.nats.jetstream.api.v1.consumer_create_response",
        "stream_name": "S", "name": "c", "created": "time", "config": consumer_config(),
        "delivered": nowhere, "ack_floor": nowhere,
        "num_ack_pending": 0, "num_redelivered": 0, "num_waiting": 0, "num_pending": 3,
    });
    for _ in 0..2 {
        let mut found = api.consumer(json!({})).await;
        remove(&mut found, "cluster");
        check(&server, found, &CONSUMER_LATER, &expected);
    }
    let mut messages = api.pull(json!({ "batch": 2 })).await;
    let (_, _, message) = messages.message().await;
    messages.settle(&message, "+ACK").await;
    messages.expect([2]).await;
    expected["type"] = json!("io.nats.jetstream.api.v1.consumer_info_response");
    expected["delivered"] = json!({ "consumer_seq": 2, "stream_seq": 2, "last_active": "time" });
    expected["ack_floor"] = json!({ "consumer_seq": 1, "stream_seq": 1, "last_active": "time" });
    expected["num_ack_pending"] = json!(1);
    expected["num_pending"] = json!(1);
    let mut found = api.consumer_info().await;
    remove(&mut found, "cluster");
    check(&server, found, &CONSUMER_LATER, &expected);
}

async fn every_option_of_a_stream_is_kept(server: Server) {
    let api = Api::new(&server).await;
    let mut options = json!({
        "description": "d", "max_consumers": 2, "max_msgs": 10, "max_bytes": 10_000, "max_age": 3600 * SECOND,
        "max_msgs_per_subject": 3, "max_msg_size": 100, "discard": "new", "duplicate_window": 5 * SECOND,
        "deny_delete": true, "deny_purge": true, "allow_rollup_hdrs": false, "allow_direct": true,
        "storage": "file",
    });
    if server.offers(V2_10) {
        options["metadata"] = json!({ "a": "b" });
        options["first_seq"] = json!(7);
    }
    let mut found = api.stream(options.clone()).await["config"].take();
    blur(&mut found);
    for (name, value) in options.as_object().unwrap() {
        assert_eq!(found[name], *value, "{name}");
    }
    // What was asked for is what is listed.
    let mut listed = api.done("STREAM.LIST", json!({})).await["streams"][0]["config"].take();
    blur(&mut listed);
    assert_eq!(listed, found);
}

async fn every_option_of_a_consumer_is_kept(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let mut options = json!({
        "description": "d", "deliver_policy": "by_start_sequence", "opt_start_seq": 3, "ack_policy": "all",
        "ack_wait": 5 * SECOND, "max_deliver": 9, "filter_subject": "s.x", "max_waiting": 7, "max_ack_pending": 8,
        "headers_only": true, "max_batch": 5, "max_expires": 6 * SECOND, "max_bytes": 1000,
        "inactive_threshold": 60 * SECOND, "mem_storage": true,
    });
    if server.offers(V2_10) {
        options["metadata"] = json!({ "a": "b" });
    }
    let mut found = api.consumer(options.clone()).await["config"].take();
    blur(&mut found);
    for (name, value) in options.as_object().unwrap() {
        // Releases name this option as they like.
        let name = if name == "max_bytes" {
            "max_bytes"
        } else {
            name
        };
        assert_eq!(found[name], *value, "{name}");
    }
    let push = json!({
        "stream_name": "S",
        "config": {
            "durable_name": "p", "deliver_subject": "d", "deliver_group": "g", "idle_heartbeat": SECOND,
            "flow_control": true, "ack_policy": "explicit", "backoff": [SECOND, 2 * SECOND], "max_deliver": 3,
        },
    });
    let answer = api.done("CONSUMER.DURABLE.CREATE.S.p", push.clone()).await;
    for (name, value) in push["config"].as_object().unwrap() {
        assert_eq!(answer["config"][name], *value, "{name}");
    }
    // The first wait of a list is the wait.
    assert_eq!(answer["config"]["ack_wait"], SECOND);
    assert!(answer["config"]["max_waiting"].is_null(), "{answer}");
}

async fn the_account_is_described(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    api.refused("STREAM.INFO.none", "").await;
    let mut found = api.done("INFO", json!({})).await;
    let later = [
        (V2_10, "reserved_memory"),
        (V2_10, "reserved_storage"),
        (V2_11, "api.level"),
    ];
    // How many requests of the server's own are counted differs.
    for name in ["total", "errors"] {
        assert!(found["api"][name].take().as_u64() > Some(0), "{found}");
    }
    // The broker tells its bounds, where a nats-server without any says -1.
    for (name, bound) in found["limits"].as_object_mut().unwrap() {
        if bound.is_i64() && bound.as_i64() != Some(-1) {
            assert!(server.is_embedded(), "{name}");
        }
        if bound.is_number() {
            *bound = json!(-1);
        }
    }
    let expected = json!({
        "type": "io.nats.jetstream.api.v1.account_info_response",
        "memory": 0, "storage": 0, "streams": 1, "consumers": 1,
        "limits": {
            "max_memory": -1, "max_storage": -1, "max_streams": -1, "max_consumers": -1, "max_ack_pending": -1,
            "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1, "max_bytes_required": false,
        },
        "api": { "total": null, "errors": null },
    });
    check(&server, found, &later, &expected);
}

async fn publishes_are_acknowledged(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let found = api.publish_as("s.a", "x", &[("Nats-Msg-Id", "1")]).await;
    assert_eq!(found, json!({ "stream": "S", "seq": 1 }));
    let found = api.publish_as("s.a", "x", &[("Nats-Msg-Id", "1")]).await;
    assert_eq!(found, json!({ "stream": "S", "seq": 1, "duplicate": true }));
    let found = api
        .publish_as("s.a", "x", &[("Nats-Expected-Last-Sequence", "7")])
        .await;
    let error = json!({ "code": 400, "err_code": 10071, "description": "wrong last sequence: 1" });
    assert_eq!(found, json!({ "error": error, "stream": "S", "seq": 0 }));
}

async fn stored_messages_are_described(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_direct": true })).await;
    api.publish_as("s.a", "hello", &[("Color", "blue")]).await;
    api.publish_as("s.b", "", &[]).await;
    let mut found = api.done("STREAM.MSG.GET.S", json!({ "seq": 1 })).await;
    blur(&mut found);
    // Headers and payload are base64.
    let message = json!({
        "subject": "s.a", "seq": 1, "hdrs": "TkFUUy8xLjANCkNvbG9yOiBibHVlDQoNCg==", "data": "aGVsbG8=", "time": "time",
    });
    let kind = "io.nats.jetstream.api.v1.stream_msg_get_response";
    assert_eq!(found, json!({ "type": kind, "message": message }));
    let mut found = api
        .done("STREAM.MSG.GET.S", json!({ "last_by_subj": "s.b" }))
        .await;
    blur(&mut found);
    let message = json!({ "subject": "s.b", "seq": 2, "time": "time" });
    assert_eq!(found, json!({ "type": kind, "message": message }));

    let direct = api
        .client
        .request("$JS.API.DIRECT.GET.S.s.a", "".into())
        .await
        .unwrap();
    assert_eq!(direct.payload, "hello");
    let headers = direct.headers.unwrap();
    let names: BTreeSet<String> = headers.iter().map(|(name, _)| name.to_string()).collect();
    let expected = [
        "Color",
        "Nats-Sequence",
        "Nats-Stream",
        "Nats-Subject",
        "Nats-Time-Stamp",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
    let text = |name: &str| headers.get(name).unwrap().as_str().to_owned();
    assert_eq!(
        (text("Color"), text("Nats-Sequence"), text("Nats-Subject")),
        ("blue".to_owned(), "1".to_owned(), "s.a".to_owned())
    );
    assert!(is_time(&text("Nats-Time-Stamp")));
}

async fn lists_are_paged(server: Server) {
    let api = Api::new(&server).await;
    let names: Vec<String> = (0..300).map(|number| format!("L{number:03}")).collect();
    for name in &names {
        let config =
            json!({ "name": name, "subjects": [format!("l.{name}")], "storage": "memory" });
        api.done(&format!("STREAM.CREATE.{name}"), config).await;
    }
    let page = async |path: &str, body: Value| {
        let answer = api.done(path, body).await;
        let numbers = ["total", "offset", "limit"].map(|name| answer[name].as_u64().unwrap());
        let items = answer["streams"].as_array().cloned().unwrap_or_default();
        (numbers, items)
    };
    let (numbers, items) = page("STREAM.NAMES", json!({})).await;
    assert_eq!((numbers, items.len()), ([300, 0, 1024], 300));
    assert!(items.iter().zip(&names).all(|(found, name)| found == name));
    let (numbers, items) = page("STREAM.NAMES", json!({ "offset": 290 })).await;
    assert_eq!((numbers, items.len()), ([300, 290, 1024], 10));
    let (numbers, items) = page("STREAM.NAMES", json!({ "offset": 999 })).await;
    assert_eq!((numbers, items.len()), ([300, 300, 1024], 0));
    let (numbers, items) = page("STREAM.LIST", json!({})).await;
    assert_eq!((numbers, items.len()), ([300, 0, 256], 256));
    let (numbers, items) = page("STREAM.LIST", json!({ "offset": 256 })).await;
    assert_eq!((numbers, items.len()), ([300, 256, 256], 44));
    assert_eq!(items[43]["config"]["name"], "L299");
    // By subject, literally or by overlap.
    let (numbers, items) = page("STREAM.NAMES", json!({ "subject": "l.L007" })).await;
    assert_eq!((numbers[0], items), (1, vec![json!("L007")]));
    let (numbers, items) = page("STREAM.NAMES", json!({ "subject": "l.*" })).await;
    assert_eq!((numbers[0], items.len()), (300, 300));
    let (numbers, items) = page("STREAM.NAMES", json!({ "subject": "other" })).await;
    assert_eq!((numbers[0], items.len()), (0, 0));
}

async fn changes_are_confirmed(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(4).await;
    api.consumer(json!({})).await;
    let done = |kind: &str, more: Value| {
        let mut expected =
            json!({ "type": format!("io.nats.jetstream.api.v1.{kind}_response"), "success": true });
        super::merge(&mut expected, more);
        expected
    };
    let found = api.ask("STREAM.MSG.DELETE.S", r#"{"seq":1}"#).await;
    assert_eq!(found, done("stream_msg_delete", json!({})));
    let found = api.ask("STREAM.PURGE.S", r#"{"seq":4}"#).await;
    assert_eq!(found, done("stream_purge", json!({ "purged": 2 })));
    let found = api.ask("CONSUMER.DELETE.S.c", "").await;
    assert_eq!(found, done("consumer_delete", json!({})));
    let found = api.ask("STREAM.DELETE.S", "").await;
    assert_eq!(found, done("stream_delete", json!({})));
}
