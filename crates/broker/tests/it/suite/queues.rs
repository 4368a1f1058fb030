//! Streams that keep messages only as long as somebody needs them: work queues, and streams of interest.

use futures::StreamExt;
use serde_json::{Value, json};

use super::{Api, SECOND};
use crate::server::{Server, behaviours, until, within};

behaviours!(
    finished_work_leaves_the_queue,
    a_queue_has_one_consumer_for_each_message,
    consumers_of_a_queue_begin_at_the_beginning,
    work_that_ran_out_of_deliveries_stays,
    a_limited_queue_refuses_what_is_too_much,
    messages_without_interest_are_not_kept,
    messages_are_kept_until_all_have_seen_them,
    interest_ends_with_its_consumer,
    a_filter_is_no_interest_in_the_rest,
    retention_stays_as_it_is,
);

async fn named(api: &Api, name: &str, more: Value) -> Value {
    let mut config = json!({ "durable_name": name, "ack_policy": "explicit" });
    super::merge(&mut config, more);
    let body = json!({ "stream_name": "S", "config": config });
    api.ask(
        &format!("CONSUMER.DURABLE.CREATE.S.{name}"),
        &body.to_string(),
    )
    .await
}

async fn kept(api: &Api, expected: u64) {
    until("the stream holds what is needed", async || {
        api.state().await["messages"] == expected
    })
    .await;
}

async fn finished_work_leaves_the_queue(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue" })).await;
    api.consumer(json!({})).await;
    api.fill(3).await;
    let mut messages = api.pull(json!({ "batch": 3 })).await;
    for (answer, left) in [("+ACK", 2), ("+TERM", 1)] {
        let (_, _, message) = messages.message().await;
        messages.settle(&message, answer).await;
        kept(&api, left).await;
    }
    // What is refused stays, and comes again.
    let (_, _, message) = messages.message().await;
    messages.answer(&message, "-NAK").await;
    let mut messages = api.pull(json!({ "batch": 1 })).await;
    let (sequence, delivered, message) = messages.message().await;
    assert_eq!((sequence, delivered), (3, 2));
    messages.settle(&message, "+ACK").await;
    kept(&api, 0).await;
    let state = api.state().await;
    assert_eq!(
        (&state["first_seq"], &state["last_seq"]),
        (&json!(4), &json!(3))
    );
}

async fn a_queue_has_one_consumer_for_each_message(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue" })).await;
    let first = named(&api, "a", json!({ "filter_subject": "s.a" })).await;
    assert!(first["error"].is_null(), "{first}");
    for (name, more, expected) in [
        ("b", json!({ "filter_subject": "s.b" }), Value::Null),
        ("c", json!({ "filter_subject": "s.a" }), json!(10100)),
        ("d", json!({ "filter_subject": "s.*" }), json!(10100)),
        ("e", json!({}), json!(10099)),
        (
            "f",
            json!({ "filter_subject": "s.f", "ack_policy": "none" }),
            json!(10084),
        ),
    ] {
        let answer = named(&api, name, more).await;
        assert_eq!(answer["error"]["err_code"], expected, "{name}: {answer}");
    }
}

async fn consumers_of_a_queue_begin_at_the_beginning(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue" })).await;
    let answer = named(&api, "a", json!({ "deliver_policy": "last" })).await;
    assert_eq!(answer["error"]["err_code"], 10101, "{answer}");
}

async fn work_that_ran_out_of_deliveries_stays(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue" })).await;
    api.consumer(json!({ "max_deliver": 1, "ack_wait": SECOND / 20 }))
        .await;
    let advisories = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c";
    let mut advisories = api.client.subscribe(advisories).await.unwrap();
    api.fill(1).await;
    let mut messages = api.pull(json!({ "batch": 10 })).await;
    messages.expect([1]).await;
    within(advisories.next()).await.unwrap();
    kept(&api, 1).await;
}

async fn a_limited_queue_refuses_what_is_too_much(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue", "max_msgs": 1, "discard": "new" }))
        .await;
    api.consumer(json!({})).await;
    api.fill(1).await;
    assert_eq!(api.publish("s.x", &[]).await, Err(10077));
    let mut messages = api.pull(json!({ "batch": 1 })).await;
    let (_, _, message) = messages.message().await;
    messages.settle(&message, "+ACK").await;
    kept(&api, 0).await;
    assert_eq!(api.publish("s.x", &[]).await, Ok(2));
}

async fn messages_without_interest_are_not_kept(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "interest" })).await;
    api.fill(3).await;
    let state = api.state().await;
    assert_eq!(
        (&state["messages"], &state["last_seq"]),
        (&json!(0), &json!(3))
    );
}

async fn messages_are_kept_until_all_have_seen_them(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "interest" })).await;
    api.consumer(json!({})).await;
    let other = named(&api, "other", json!({})).await;
    assert!(other["error"].is_null(), "{other}");
    api.fill(2).await;
    let mut messages = api.pull(json!({ "batch": 2 })).await;
    for _ in 0..2 {
        let (_, _, message) = messages.message().await;
        messages.settle(&message, "+ACK").await;
    }
    kept(&api, 2).await;
    let inbox = api.client.new_inbox();
    let replies = api.client.subscribe(inbox.clone()).await.unwrap();
    let next = "$JS.API.CONSUMER.MSG.NEXT.S.other";
    api.client
        .publish_with_reply(next, inbox, "1".into())
        .await
        .unwrap();
    let mut replies = super::Deliveries {
        client: api.client.clone(),
        messages: replies,
    };
    let (sequence, _, message) = replies.message().await;
    assert_eq!(sequence, 1);
    replies.settle(&message, "+ACK").await;
    kept(&api, 1).await;
}

async fn interest_ends_with_its_consumer(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "interest" })).await;
    api.consumer(json!({})).await;
    api.fill(2).await;
    kept(&api, 2).await;
    api.done("CONSUMER.DELETE.S.c", json!({})).await;
    kept(&api, 0).await;
}

async fn a_filter_is_no_interest_in_the_rest(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "interest" })).await;
    api.consumer(json!({ "filter_subject": "s.a" })).await;
    assert_eq!(api.publish("s.b", &[]).await, Ok(1));
    assert_eq!(api.publish("s.a", &[]).await, Ok(2));
    kept(&api, 1).await;
    api.pull(json!({ "batch": 1 })).await.expect([2]).await;
}

async fn retention_stays_as_it_is(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({ "retention": "workqueue" })).await;
    let config =
        json!({ "name": "S", "subjects": ["s.>"], "storage": "memory", "retention": "limits" });
    let found = api.refused("STREAM.UPDATE.S", &config.to_string()).await;
    assert_eq!(found, (500, 10052));
}
