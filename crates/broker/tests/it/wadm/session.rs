//! A session of a real wadm 0.21.1 with a real host, sent again: everything reaches those whom it reached then.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_nats::jetstream::{self, Message, consumer::Consumer, consumer::pull};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};

use super::{COMMANDS, EVENTS, api, consumer, held, start_wadm, until_held};
use crate::server::{PATIENCE, Server, V2_10, on_each_server, report_skipped, within};

/// One message that wadm or a host published to a stream, in their order.
struct Published {
    subject: String,
    body: Bytes,
}

/// What was published to streams in the recording; none where it is missing. Deliveries of its server are left out.
fn published() -> Option<Vec<Published>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let directory = std::env::var_os("WEFT_VECTORS").map_or_else(|| beside.into(), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(directory.join("wadm-0.21.1.jsonl")) else {
        report_skipped("`wadm-0.21.1.jsonl` is missing; name its directory in WEFT_VECTORS");
        return None;
    };
    let messages = text.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let subject = line["subject"].as_str()?;
        let is_delivery = line["reply"]
            .as_str()
            .is_some_and(|reply| reply.starts_with("$JS.ACK."));
        let kept = [
            "wadm.cmd.",
            "wadm.evt.",
            "wadm.notify.",
            "wadm.status.",
            "wasmbus.evt.",
        ];
        let is_kept = kept.iter().any(|prefix| subject.starts_with(prefix));
        (is_kept && !is_delivery).then(|| Published {
            subject: subject.to_owned(),
            body: line["data"].as_str().unwrap().to_owned().into(),
        })
    });
    Some(messages.collect())
}

/// Takes and acknowledges everything that a consumer has, which must be this, in this order.
async fn expect_all(consumer: &Consumer<pull::Config>, expected: &[(String, Bytes)]) {
    let batch = consumer
        .batch()
        .max_messages(expected.len())
        .expires(PATIENCE);
    let mut messages = batch.messages().await.unwrap();
    for (subject, body) in expected {
        let message: Message = within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.subject.as_str(), subject);
        assert_eq!(message.payload, body, "{subject}");
        assert_eq!(message.info().unwrap().delivered, 1);
        message.double_ack().await.unwrap();
    }
    let mut more = consumer.fetch().max_messages(1).messages().await.unwrap();
    let more = within(more.next()).await;
    assert!(more.is_none(), "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_reaches_everybody() {
    let Some(published) = published() else {
        return;
    };
    assert!(published.len() > 90, "{} messages", published.len());
    on_each_server(|server| replay(server, &published)).await;
}

async fn replay(server: Server, published: &[Published]) {
    if !server.offers(V2_10) {
        // Sources cannot rename there: wadm does not run on it.
        return;
    }
    let client = server.client().await;
    let answers = start_wadm(&client).await;
    let (_, _, notifier) = answers.last().unwrap();
    let notifier = notifier["name"].as_str().unwrap().to_owned();
    let jetstream = jetstream::new(client.clone());
    let mut by_prefix: BTreeMap<&str, Vec<(String, Bytes)>> = BTreeMap::new();
    for message in published {
        let ack = jetstream.publish(message.subject.clone(), message.body.clone());
        within(ack.await.unwrap().into_future()).await.unwrap();
        let (kind, rest) = message.subject.split_once(".default").unwrap();
        let subject = match kind {
            "wadm.evt" | "wasmbus.evt" => format!("wadm_event_consumer.evt.default{rest}"),
            _ => message.subject.clone(),
        };
        by_prefix
            .entry(kind)
            .or_default()
            .push((subject, message.body.clone()));
    }
    let taken = |kind: &str| &by_prefix[kind][..];
    let events = (taken("wadm.evt").len() + taken("wasmbus.evt").len()) as u64;
    until_held(&client, "wadm_event_consumer", events).await;

    expect_all(&consumer(&client, COMMANDS).await, taken("wadm.cmd")).await;
    let notices = consumer(&client, ["wadm_notify", &notifier]).await;
    expect_all(&notices, taken("wadm.notify")).await;
    expect_events(&consumer(&client, EVENTS).await, events, &by_prefix).await;
    // What everybody has had is gone; what is kept for those who come later is there.
    for stream in ["wadm_commands", "wadm_notify", "wadm_event_consumer"] {
        until_held(&client, stream, 0).await;
    }
    let statuses = taken("wadm.status");
    assert_eq!(
        held(&client, "wadm_status").await,
        statuses.len().min(10) as u64
    );
    let last = json!({ "last_by_subj": statuses[0].0 });
    let last = api(&client, "STREAM.MSG.GET.wadm_status", &last).await;
    assert_eq!(last["message"]["seq"], statuses.len() as u64);
}

/// Takes all events. Those of wadm and those of hosts come from two streams, and each kind keeps its order.
async fn expect_events(
    consumer: &Consumer<pull::Config>,
    count: u64,
    expected: &BTreeMap<&str, Vec<(String, Bytes)>>,
) {
    let batch = consumer
        .batch()
        .max_messages(count as usize)
        .expires(PATIENCE);
    let mut messages = batch.messages().await.unwrap();
    let mut seen: BTreeMap<&str, Vec<(String, Bytes)>> = BTreeMap::new();
    for _ in 0..count {
        let message: Message = within(messages.next()).await.unwrap().unwrap();
        let headers = message.headers.as_ref().unwrap();
        let origin = headers.get("Nats-Stream-Source").unwrap().as_str();
        let kind = if origin.starts_with("wadm_events ") {
            "wadm.evt"
        } else {
            "wasmbus.evt"
        };
        seen.entry(kind)
            .or_default()
            .push((message.subject.to_string(), message.payload.clone()));
        message.double_ack().await.unwrap();
    }
    for (kind, seen) in seen {
        assert_eq!(seen, expected[kind], "{kind}");
    }
}
