//! What wadm 0.21.1 asks for when it starts, as its client library sends it, and how that behaves.
//!
//! `vectors/wadm-0.21.1.jsonl` holds one request to the API per line.

mod session;

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::{self, AckKind, Message};
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use weft_broker::{Broker, Handle, Limits, TimeShift};

use crate::server::{on_each_server, options, settled, until, within};

const REQUESTS: &str = include_str!("vectors/wadm-0.21.1.jsonl");

/// How wadm names the consumers of a lattice.
const EVENTS: [&str; 2] = ["wadm_event_consumer", "wadm_event_consumer-default"];
const COMMANDS: [&str; 2] = ["wadm_commands", "wadm_commands-default"];

/// A broker whose time the test moves.
struct Timed {
    handle: Option<Handle>,
    dir: TempDir,
    shift: TimeShift,
    client: async_nats::Client,
}

impl Timed {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shift = TimeShift::default();
        let (handle, client) = broker(&dir, &shift).await;
        Self {
            handle: Some(handle),
            dir,
            shift,
            client,
        }
    }

    async fn restart(&mut self) {
        drop(self.handle.take());
        let (handle, client) = broker(&self.dir, &self.shift).await;
        self.handle = Some(handle);
        self.client = client;
    }

    /// Lets time pass, and the broker see it.
    async fn advance(&self, by: Duration) {
        self.shift.advance(by);
        let _ = api(&self.client, "INFO", &Value::Null).await;
    }

    fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.client.clone())
    }
}

async fn broker(dir: &TempDir, shift: &TimeShift) -> (Handle, async_nats::Client) {
    let mut options = options(dir, Limits::default());
    if let Some(jetstream) = &mut options.jetstream {
        jetstream.time_shift = shift.clone();
    }
    let handle = Broker::start(options).await.unwrap();
    let client = async_nats::connect(handle.client_url()).await.unwrap();
    (handle, client)
}

async fn api(client: &async_nats::Client, request: &str, body: &Value) -> Value {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = within(client.request(format!("$JS.API.{request}"), body.into()))
        .await
        .unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

/// Sends what wadm sends when it starts. Returns the answers, by request.
async fn start_wadm(client: &async_nats::Client) -> Vec<(String, Value, Value)> {
    let mut answers = Vec::new();
    for line in REQUESTS.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let request = line["request"].as_str().unwrap();
        let answer = api(client, request, &line["body"]).await;
        assert!(answer["error"].is_null(), "{request}: {answer}");
        answers.push((request.to_owned(), line["body"].clone(), answer));
    }
    answers
}

async fn publish(client: &async_nats::Client, subject: &str, body: &str) {
    let jetstream = jetstream::new(client.clone());
    let ack = jetstream.publish(subject.to_owned(), body.to_owned().into());
    within(ack.await.unwrap().into_future()).await.unwrap();
}

/// Number of messages that a stream holds.
async fn held(client: &async_nats::Client, stream: &str) -> u64 {
    let info = api(client, &format!("STREAM.INFO.{stream}"), &Value::Null).await;
    info["state"]["messages"].as_u64().unwrap()
}

async fn until_held(client: &async_nats::Client, stream: &str, count: u64) {
    until(&format!("{stream} holds {count}"), || async {
        held(client, stream).await == count
    })
    .await;
}

async fn consumer(client: &async_nats::Client, names: [&str; 2]) -> Consumer<pull::Config> {
    let jetstream = jetstream::new(client.clone());
    jetstream
        .get_consumer_from_stream(names[1], names[0])
        .await
        .unwrap()
}

/// One message, if there is one.
async fn pull(consumer: &Consumer<pull::Config>) -> Option<Message> {
    let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
    within(messages.next()).await.map(Result::unwrap)
}

fn text(message: &Message) -> String {
    format!(
        "{} {}",
        message.subject,
        String::from_utf8_lossy(&message.payload)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_asks_for_is_given() {
    let broker = Timed::start().await;
    let answers = start_wadm(&broker.client).await;
    for (request, asked, answer) in &answers {
        let Some(asked) = asked.get("config").or(Some(asked)) else {
            continue;
        };
        for (name, value) in asked.as_object().unwrap() {
            let is_default = [json!(0), json!(""), Value::Null].contains(value);
            let given = &answer["config"][name];
            assert!(is_default || given == value, "{request}: {name} is {given}");
        }
    }
    let sources = api(
        &broker.client,
        "STREAM.INFO.wadm_event_consumer",
        &Value::Null,
    )
    .await;
    assert_eq!(
        sources["sources"][0],
        json!({
            "name": "wasmbus_events", "lag": 0, "active": 0,
            "subject_transforms": [{
                "src": "wasmbus.evt.*.>",
                "dest": "wadm_event_consumer.evt.{{wildcard(1)}}.>",
            }],
        })
    );
    assert!(sources["config"]["subjects"].is_null());
    // A second wadm, or the same after a restart, asks for the same.
    start_wadm(&broker.client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_once_under_one_subject() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let client = server.client().await;
        start_wadm(&client).await;
        publish(&client, "wasmbus.evt.default.host_heartbeat", "1").await;
        publish(&client, "wasmbus.evt.other.host_heartbeat", "2").await;
        publish(&client, "wasmbus.evt.default.component_scaled", "3").await;
        until_held(&client, "wadm_event_consumer", 3).await;
        let consumer = consumer(&client, EVENTS).await;
        for expected in ["host_heartbeat 1", "component_scaled 3"] {
            let message = pull(&consumer).await.unwrap();
            let expected = format!("wadm_event_consumer.evt.default.{expected}");
            assert_eq!(text(&message), expected);
            message.double_ack().await.unwrap();
        }
        assert!(pull(&consumer).await.is_none());
        until_held(&client, "wadm_event_consumer", 1).await;
        assert_eq!(held(&client, "wasmbus_events").await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kinds_of_events_arrive_with_their_origin() {
    let broker = Timed::start().await;
    start_wadm(&broker.client).await;
    publish(&broker.client, "wadm.evt.default.manifest_published", "m").await;
    publish(&broker.client, "wasmbus.evt.default.host_started", "h").await;
    let consumer = consumer(&broker.client, EVENTS).await;
    let first = pull(&consumer).await.unwrap();
    assert_eq!(
        text(&first),
        "wadm_event_consumer.evt.default.manifest_published m"
    );
    let origin = first.headers.as_ref().unwrap().get("Nats-Stream-Source");
    assert_eq!(
        origin.unwrap().as_str(),
        "wadm_events 1 wadm.evt.*.> wadm_event_consumer.evt.{{wildcard(1)}}.>"
    );
    first.double_ack().await.unwrap();
    let second = pull(&consumer).await.unwrap();
    assert_eq!(
        text(&second),
        "wadm_event_consumer.evt.default.host_started h"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_tried_three_times_and_ages_out() {
    let broker = Timed::start().await;
    let client = &broker.client;
    start_wadm(client).await;
    let gave_up = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.wadm_event_consumer.*";
    let mut gave_up = client.subscribe(gave_up).await.unwrap();
    settled(client).await;
    publish(client, "wasmbus.evt.default.host_started", "h").await;
    let consumer = consumer(client, EVENTS).await;
    for attempt in 1..=3 {
        let message = pull(&consumer).await.unwrap();
        assert_eq!(message.info().unwrap().delivered, attempt);
        assert!(pull(&consumer).await.is_none(), "it waits for the answer");
        broker.advance(Duration::from_millis(2100)).await;
    }
    assert!(pull(&consumer).await.is_none());
    let advisory = within(gave_up.next()).await.unwrap();
    let advisory: Value = serde_json::from_slice(&advisory.payload).unwrap();
    assert_eq!(
        (&advisory["stream_seq"], &advisory["deliveries"]),
        (&json!(1), &json!(3))
    );
    // Nobody acknowledged it, so only its age removes it.
    assert_eq!(held(client, "wadm_event_consumer").await, 1);
    broker.advance(Duration::from_secs(70)).await;
    assert_eq!(held(client, "wadm_event_consumer").await, 0);
    assert_eq!(held(client, "wasmbus_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_brings_no_event_again_and_loses_none() {
    let mut broker = Timed::start().await;
    start_wadm(&broker.client).await;
    publish(&broker.client, "wasmbus.evt.default.a", "1").await;
    publish(&broker.client, "wasmbus.evt.default.b", "2").await;
    let events = consumer(&broker.client, EVENTS).await;
    pull(&events).await.unwrap().double_ack().await.unwrap();
    pull(&events).await.unwrap().double_ack().await.unwrap();
    until_held(&broker.client, "wadm_event_consumer", 0).await;
    broker.restart().await;
    // The queue is empty and tells nothing of what was in it: the position does.
    let events = consumer(&broker.client, EVENTS).await;
    assert!(pull(&events).await.is_none());
    publish(&broker.client, "wasmbus.evt.default.c", "3").await;
    broker.restart().await;
    let events = consumer(&broker.client, EVENTS).await;
    let message = pull(&events).await.unwrap();
    assert_eq!(text(&message), "wadm_event_consumer.evt.default.c 3");
    message.double_ack().await.unwrap();
    assert!(pull(&events).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_notifications_and_statuses_are_kept_as_long_as_they_are_wanted() {
    let broker = Timed::start().await;
    let client = &broker.client;
    let answers = start_wadm(client).await;
    publish(client, "wadm.cmd.default", "scale").await;
    publish(client, "wadm.notify.default", "note").await;
    publish(client, "wadm.notify.elsewhere", "nobody asked").await;
    for number in 0..12 {
        publish(client, "wadm.status.default.app", &number.to_string()).await;
    }
    assert_eq!(held(client, "wadm_status").await, 10);
    // Only what somebody waits for is kept.
    assert_eq!(held(client, "wadm_notify").await, 1);

    let commands = consumer(client, COMMANDS).await;
    let message = pull(&commands).await.unwrap();
    assert_eq!(text(&message), "wadm.cmd.default scale");
    message.ack_with(AckKind::Progress).await.unwrap();
    assert_eq!(held(client, "wadm_commands").await, 1);
    message.double_ack().await.unwrap();
    assert_eq!(held(client, "wadm_commands").await, 0);

    let (_, _, answer) = answers.last().unwrap();
    let notifier = answer["name"].as_str().unwrap();
    let notices = consumer(client, ["wadm_notify", notifier]).await;
    let message = pull(&notices).await.unwrap();
    assert_eq!(text(&message), "wadm.notify.default note");
    message.double_ack().await.unwrap();
    assert_eq!(held(client, "wadm_notify").await, 0);

    broker.advance(Duration::from_secs(3600)).await;
    assert_eq!(held(client, "wadm_status").await, 10);
    // The notifier had no name of its own, and nobody used it for too long.
    publish(client, "wadm.notify.default", "late").await;
    assert_eq!(held(client, "wadm_notify").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_buckets_take_only_changes_of_what_was_seen() {
    let broker = Timed::start().await;
    start_wadm(&broker.client).await;
    let jetstream = broker.jetstream();
    for bucket in ["wadm_state", "wadm_manifests"] {
        let store = jetstream.get_key_value(bucket).await.unwrap();
        let revision = store.create("default-app", "1".into()).await.unwrap();
        let next = store.update("default-app", "2".into(), revision).await;
        assert!(
            store
                .update("default-app", "3".into(), revision)
                .await
                .is_err()
        );
        assert_eq!(next.unwrap(), revision + 1);
        assert_eq!(store.get("default-app").await.unwrap().unwrap(), "2");
    }
}
