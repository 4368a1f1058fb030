//! What publishers can ask of a stream with headers.

use serde_json::json;

use super::{Api, SECOND};
use crate::server::{Server, V2_11, V2_15, behaviours, until};

behaviours!(
    duplicates_are_stored_once,
    duplicates_are_forgotten,
    expected_sequences_are_compared,
    expected_sequences_of_subjects_are_compared,
    a_rollup_replaces_what_was_before,
    wishes_that_are_not_understood_are_refused,
    messages_live_as_long_as_they_are_told,
);

async fn duplicates_are_stored_once(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let publish = async |subject, id| api.publish_as(subject, "x", &[("Nats-Msg-Id", id)]).await;
    assert_eq!(publish("s.a", "one").await["seq"], 1);
    assert_eq!(publish("s.a", "two").await["seq"], 2);
    // The first stands, whatever the subject.
    for subject in ["s.a", "s.b"] {
        let answer = publish(subject, "one").await;
        assert_eq!(
            answer,
            json!({ "stream": "S", "seq": 1, "duplicate": true })
        );
    }
    // It is known even after the message is gone.
    api.done("STREAM.PURGE.S", json!({})).await;
    assert_eq!(publish("s.a", "two").await["duplicate"], true);
    assert_eq!(api.state().await["messages"], 0);
}

async fn duplicates_are_forgotten(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "duplicate_window": SECOND / 5 })).await;
    let headers = [("Nats-Msg-Id", "one")];
    assert_eq!(api.publish("s.a", &headers).await, Ok(1));
    until("it is forgotten", async || {
        api.publish("s.a", &headers).await == Ok(2)
    })
    .await;
}

async fn expected_sequences_are_compared(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let wrong_sequence = 10071;
    let wrong_id = 10070;
    for (headers, expected) in [
        (
            &[("Nats-Expected-Last-Sequence", "1")][..],
            Err(wrong_sequence),
        ),
        (&[("Nats-Expected-Last-Sequence", "0")], Ok(1)),
        (&[("Nats-Expected-Last-Sequence", "0")], Err(wrong_sequence)),
        (
            &[("Nats-Expected-Last-Sequence", "1"), ("Nats-Msg-Id", "a")],
            Ok(2),
        ),
        (&[("Nats-Expected-Last-Msg-Id", "b")], Err(wrong_id)),
        (&[("Nats-Expected-Last-Msg-Id", "a")], Ok(3)),
        (&[("Nats-Expected-Stream", "T")], Err(10060)),
        (&[("Nats-Expected-Stream", "S")], Ok(4)),
        (
            &[
                ("Nats-Expected-Stream", "S"),
                ("Nats-Expected-Last-Sequence", "9"),
            ],
            Err(wrong_sequence),
        ),
    ] {
        assert_eq!(api.publish("s.a", headers).await, expected, "{headers:?}");
    }
    let answer = api
        .publish_as("s.a", "x", &[("Nats-Expected-Last-Sequence", "9")])
        .await;
    assert_eq!(answer["error"]["description"], "wrong last sequence: 4");
}

async fn expected_sequences_of_subjects_are_compared(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let name = "Nats-Expected-Last-Subject-Sequence";
    for (subject, value, expected) in [
        ("s.a", "1", Err(10071)),
        ("s.a", "0", Ok(1)),
        ("s.b", "0", Ok(2)),
        ("s.a", "0", Err(10071)),
        ("s.a", "2", Err(10071)),
        ("s.a", "1", Ok(3)),
    ] {
        let found = api.publish(subject, &[(name, value)]).await;
        assert_eq!(found, expected, "{subject} {value}");
    }
    let answer = api.publish_as("s.a", "x", &[(name, "1")]).await;
    assert_eq!(answer["error"]["description"], "wrong last sequence: 3");
    // Once the last one is gone, there is none.
    api.done("STREAM.PURGE.S", json!({ "filter": "s.a" })).await;
    assert_eq!(api.publish("s.a", &[(name, "0")]).await, Ok(4));
}

async fn a_rollup_replaces_what_was_before(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_rollup_hdrs": true })).await;
    for subject in ["s.a", "s.b", "s.a"] {
        api.publish(subject, &[]).await.unwrap();
    }
    assert_eq!(api.publish("s.a", &[("Nats-Rollup", "sub")]).await, Ok(4));
    assert_eq!(api.state().await["messages"], 2);
    assert_eq!(api.publish("s.c", &[("Nats-Rollup", "all")]).await, Ok(5));
    let state = api.state().await;
    assert_eq!(
        (&state["messages"], &state["first_seq"]),
        (&json!(1), &json!(5))
    );
}

async fn wishes_that_are_not_understood_are_refused(server: Server) {
    if !server.offers(V2_15) && !server.is_embedded() {
        // Earlier releases say nothing, or store the message all the same.
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_rollup_hdrs": true })).await;
    for (name, value, expected) in [
        ("Nats-Rollup", "some", 10111),
        ("Nats-Incr", "+1", 10168),
        ("Nats-Batch-Id", "b", 10174),
        ("Nats-Schedule", "@at 2030-01-01T00:00:00Z", 10188),
    ] {
        let found = api.publish("s.a", &[(name, value)]).await;
        assert_eq!(found, Err(expected), "{name}");
    }
    assert_eq!(api.state().await["messages"], 0);
}

async fn messages_live_as_long_as_they_are_told(server: Server) {
    // The broker announces 2.10, and offers this one thing of 2.11.
    if !server.offers(V2_11) && !server.is_embedded() {
        return;
    }
    let api = Api::new(&server).await;
    api.stream(json!({ "allow_msg_ttl": true })).await;
    assert_eq!(api.publish("s.a", &[("Nats-TTL", "1s")]).await, Ok(1));
    assert_eq!(api.publish("s.b", &[("Nats-TTL", "never")]).await, Ok(2));
    assert_eq!(api.publish("s.c", &[]).await, Ok(3));
    for value in ["nope", "-1", "1ms"] {
        let found = api.publish("s.d", &[("Nats-TTL", value)]).await;
        assert_eq!(found, Err(10165), "{value}");
    }
    until("the first is gone", async || {
        api.state().await["first_seq"] == 2
    })
    .await;
    assert_eq!(api.state().await["messages"], 2);
}
