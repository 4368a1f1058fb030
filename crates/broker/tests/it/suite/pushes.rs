//! Consumers that send on their own, and those that keep an order.

use async_nats::jetstream::{self, consumer};
use futures::StreamExt;
use serde_json::{Value, json};

use super::{Api, Deliveries, MILLISECOND, SECOND, position};
use crate::server::{Server, V2_10, behaviours, until, within};

behaviours!(
    messages_are_sent_as_they_come,
    an_idle_consumer_is_heard_of,
    a_receiver_controls_the_flow,
    a_group_shares_what_is_sent,
    what_is_for_a_group_waits_for_a_member,
    nothing_is_sent_to_nobody,
    an_ordered_consumer_keeps_the_order,
    an_ordered_consumer_that_pulls_keeps_the_order,
    an_unused_consumer_goes_and_a_durable_one_stays,
);

/// Makes the consumer `c` that sends to a new subject, and subscribes there.
async fn receive(api: &Api, more: Value) -> Deliveries {
    let inbox = api.client.new_inbox();
    let messages = api.client.subscribe(inbox.clone()).await.unwrap();
    let mut config = json!({ "deliver_subject": inbox });
    super::merge(&mut config, more);
    api.consumer(config).await;
    Deliveries {
        client: api.client.clone(),
        messages,
    }
}

async fn messages_are_sent_as_they_come(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    let mut messages = receive(&api, json!({ "ack_wait": 200 * MILLISECOND })).await;
    let (_, _, first) = messages.message().await;
    assert_eq!(first.subject.as_str(), "s.1");
    messages.settle(&first, "+ACK").await;
    messages.expect([2]).await;
    assert_eq!(api.publish("s.x", &[]).await, Ok(3));
    messages.expect([3]).await;
    assert_eq!(api.consumer_info().await["push_bound"], true);
    // What is not acknowledged is sent again.
    let mut again = Vec::new();
    for _ in 0..2 {
        let (sequence, delivered, message) = messages.message().await;
        assert_eq!(delivered, 2);
        messages.settle(&message, "+ACK").await;
        again.push(sequence);
    }
    again.sort_unstable();
    assert_eq!(again, [2, 3]);
}

async fn an_idle_consumer_is_heard_of(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(1).await;
    let config = json!({ "idle_heartbeat": 100 * MILLISECOND, "ack_policy": "none" });
    let mut messages = receive(&api, config).await;
    let (sequence, _) = position(&messages.next().await);
    assert_eq!(sequence, 1);
    let heartbeat = messages.next().await;
    assert_eq!(heartbeat.status.map(|status| status.as_u16()), Some(100));
    assert_eq!(heartbeat.description.as_deref(), Some("Idle Heartbeat"));
    assert!(heartbeat.reply.is_none());
    let headers = heartbeat.headers.unwrap();
    for name in ["Nats-Last-Consumer", "Nats-Last-Stream"] {
        assert_eq!(headers.get(name).unwrap().as_str(), "1", "{name}");
    }
}

async fn a_receiver_controls_the_flow(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let count = 64;
    let payload = "x".repeat(256 * 1024);
    for _ in 0..count {
        api.publish_as("s.a", &payload, &[]).await;
    }
    let config =
        json!({ "flow_control": true, "idle_heartbeat": 5 * SECOND, "ack_policy": "none" });
    let mut messages = receive(&api, config).await;
    let (mut received, mut asked) = (0, 0);
    while received < count {
        let message = messages.next().await;
        if message.status.is_none() {
            received += 1;
            assert_eq!(position(&message).0, received);
            continue;
        }
        assert_eq!(message.description.as_deref(), Some("FlowControl Request"));
        asked += 1;
        let reply = message.reply.unwrap();
        assert!(reply.starts_with("$JS.FC.S.c."), "{reply}");
        api.client.publish(reply, "".into()).await.unwrap();
    }
    assert!(asked > 0, "16 MiB came without a question");
}

async fn a_group_shares_what_is_sent(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    let mut members = Vec::new();
    for _ in 0..2 {
        let group = "g".to_owned();
        members.push(api.client.queue_subscribe("deliver", group).await.unwrap());
    }
    crate::server::settled(&api.client).await;
    api.consumer(
        json!({ "deliver_subject": "deliver", "deliver_group": "g", "ack_policy": "none" }),
    )
    .await;
    api.fill(40).await;
    let mut seen = Vec::new();
    let mut members = futures::stream::select_all(members);
    while seen.len() < 40 {
        seen.push(position(&within(members.next()).await.unwrap()).0);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=40).collect::<Vec<_>>());
}

async fn what_is_for_a_group_waits_for_a_member(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    api.consumer(json!({ "deliver_subject": "deliver", "deliver_group": "g" }))
        .await;
    // Others who listen there are no members.
    let mut plain = api.client.subscribe("deliver").await.unwrap();
    let other = api.client.queue_subscribe("deliver", "h".to_owned());
    let mut other = other.await.unwrap();
    crate::server::settled(&api.client).await;
    super::expect_silence(&mut plain).await;
    super::expect_silence(&mut other).await;
    let info = api.consumer_info().await;
    assert_eq!(info["num_pending"], 2, "{info}");
    assert!(info["push_bound"].is_null(), "{info}");
    let member = api.client.queue_subscribe("deliver", "g".to_owned());
    let mut member = Deliveries {
        client: api.client.clone(),
        messages: member.await.unwrap(),
    };
    member.expect([1, 2]).await;
    assert_eq!(api.consumer_info().await["push_bound"], true);
}

async fn nothing_is_sent_to_nobody(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.fill(2).await;
    api.consumer(json!({ "deliver_subject": "deliver" })).await;
    let info = api.consumer_info().await;
    assert_eq!([&info["num_pending"], &info["num_ack_pending"]], [2, 0]);
    assert!(info["push_bound"].is_null(), "{info}");
    let messages = api.client.subscribe("deliver").await.unwrap();
    let mut messages = Deliveries {
        client: api.client.clone(),
        messages,
    };
    messages.expect([1, 2]).await;
}

async fn stream_of(server: &Server, api: &Api) -> jetstream::stream::Stream {
    api.stream(json!({})).await;
    server.jetstream().await.get_stream("S").await.unwrap()
}

async fn an_ordered_consumer_keeps_the_order(server: Server) {
    let api = Api::new(&server).await;
    let stream = stream_of(&server, &api).await;
    api.fill(20).await;
    let consumer = stream
        .create_consumer(consumer::push::OrderedConfig {
            deliver_subject: api.client.new_inbox(),
            filter_subject: "s.*".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for expected in 1..=40 {
        if expected == 21 {
            for number in 21..=40 {
                api.publish("s.x", &[])
                    .await
                    .map(|seq| assert_eq!(seq, number))
                    .unwrap();
            }
        }
        let message = within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, expected);
    }
}

async fn an_ordered_consumer_that_pulls_keeps_the_order(server: Server) {
    if !server.offers(V2_10) {
        // It is made with the filters of 2.10.
        return;
    }
    let api = Api::new(&server).await;
    let stream = stream_of(&server, &api).await;
    api.fill(300).await;
    let consumer = stream
        .create_consumer(consumer::pull::OrderedConfig {
            filter_subject: "s.*".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for expected in 1..=300 {
        let message = within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, expected);
    }
}

async fn an_unused_consumer_goes_and_a_durable_one_stays(server: Server) {
    let api = Api::new(&server).await;
    api.stream(json!({})).await;
    api.consumer(json!({})).await;
    let config =
        json!({ "name": "e", "ack_policy": "explicit", "inactive_threshold": 100 * MILLISECOND });
    let body = json!({ "stream_name": "S", "config": config });
    api.done("CONSUMER.CREATE.S.e", body).await;
    let names = async || api.done("CONSUMER.NAMES.S", json!({})).await["consumers"].take();
    assert_eq!(names().await, json!(["c", "e"]));
    until("only the durable one is left", async || {
        names().await == json!(["c"])
    })
    .await;
}
