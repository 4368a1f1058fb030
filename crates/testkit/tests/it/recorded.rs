//! What a component did while wasmCloud 1.9.2 was recorded, done again by one of ours: the same messages go out, and what the
//! real providers answered is understood.

use std::collections::VecDeque;
use std::path::PathBuf;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};
use weft_testkit::{BrokerKind, Member, Site, free_address, guest, http, in_time, skipped};

/// One recorded call.
struct Call {
    /// Subject of the request.
    subject: String,
    headers: Value,
    params: Bytes,
    /// What the caller sent to paths of its parameters, but for ends: by the path.
    streams: Vec<(String, Bytes)>,
    /// What the callee sent, by the path, in order.
    results: Vec<(String, Bytes)>,
}

fn recorded() -> Option<Vec<Value>> {
    let directory = std::env::var_os("WEFT_VECTORS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/vectors"
            ))
        },
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(directory.join("capabilities-1.9.2.jsonl")) else {
        skipped("the recordings are missing; name their directory in WEFT_VECTORS");
        return None;
    };
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

fn text<'a>(message: &'a Value, key: &str) -> &'a str {
    message[key].as_str().unwrap_or_default()
}

fn payload(message: &Value) -> Bytes {
    if let Some(text) = message["data"].as_str() {
        return text.to_owned().into();
    }
    let hex = text(message, "hex");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The calls of functions below `prefix`, in order.
fn calls(messages: &[Value], prefix: &str) -> VecDeque<Call> {
    let requests = messages
        .iter()
        .filter(|message| text(message, "subject").starts_with(prefix));
    let call = |request: &Value| {
        let caller = text(request, "reply");
        let accept = messages
            .iter()
            .find(|message| text(message, "subject") == caller)
            .unwrap();
        let below = |root: &str| -> Vec<(String, Bytes)> {
            let tail = |message| Some((text(message, "subject").strip_prefix(root)?, message));
            let below = messages.iter().filter_map(tail);
            below
                .map(|(tail, message)| (tail.to_owned(), payload(message)))
                .collect()
        };
        let mut streams = below(&format!("{}.params.", text(accept, "reply")));
        streams.retain(|(_, bytes)| !bytes.is_empty());
        Call {
            subject: text(request, "subject").to_owned(),
            headers: request["headers"].clone(),
            params: payload(request),
            streams,
            results: below(&format!("{caller}.results")),
        }
    };
    requests.map(call).collect()
}

/// Answers one call as it was recorded, and checks what the caller sends.
async fn play(nats: &Client, request: Message, call: &Call) {
    assert_eq!(request.subject.as_str(), call.subject);
    assert_eq!(request.payload, call.params, "{}", call.subject);
    let headers = request.headers.unwrap();
    for name in ["source-id", "link-name"] {
        let sent = headers.get(name).unwrap().as_str();
        assert_eq!(call.headers[name], sent, "{name}");
    }
    let (root, caller) = (nats.new_inbox(), request.reply.unwrap());
    let mut streams = nats.subscribe(format!("{root}.params.>")).await.unwrap();
    nats.publish_with_reply(caller.clone(), root.clone(), Bytes::new())
        .await
        .unwrap();
    let mut results = call.results.iter();
    for (tail, bytes) in results.by_ref().take(if call.streams.is_empty() {
        usize::MAX
    } else {
        // The answer, and its end; what follows tells how the stream was taken.
        2
    }) {
        answer(nats, &caller, tail, bytes).await;
    }
    for (path, expected) in &call.streams {
        let mut sent = Vec::new();
        while sent.len() < expected.len() {
            let message = in_time(streams.next()).await.unwrap();
            assert_eq!(*message.subject, format!("{root}.params.{path}"));
            sent.extend_from_slice(&message.payload);
        }
        assert_eq!(sent, expected.as_ref(), "{}", call.subject);
    }
    for (tail, bytes) in results {
        answer(nats, &caller, tail, bytes).await;
    }
}

async fn answer(nats: &Client, caller: &str, tail: &str, bytes: &Bytes) {
    let subject = format!("{caller}.results{tail}");
    nats.publish(subject, bytes.clone()).await.unwrap();
}

/// Plays all of `calls`, and checks what the component makes of them.
async fn replay(nats: &Client, mut requests: Subscriber, calls: VecDeque<Call>) {
    for call in calls {
        let request = in_time(requests.next()).await.unwrap();
        play(nats, request, &call).await;
    }
}

async fn control(site: &Site, operation: &str, body: &Value) {
    let subject = format!("wasmbus.ctl.v1.default.{operation}");
    let answer = site.ask(&subject, body.to_string()).await;
    assert_eq!(answer["success"], true, "{operation}: {answer}");
}

/// The component of the recording under its id, linked as it was, behind the HTTP server of the host.
async fn start(site: &Site, node: &Member, address: std::net::SocketAddr) {
    let host = node.host();
    let config = json!({ "address": address.to_string() });
    control(site, "config.put.httpcfg", &config).await;
    let image = format!("file://{}", guest::path("caps").display());
    let body = json!({
        "component_id": "caps", "component_ref": image, "host_id": host.as_str(), "count": 5,
        "annotations": {}, "config": [], "allow_update": false,
    });
    control(site, &format!("component.scale.{host}"), &body).await;
    let body = json!({
        "provider_id": "httpsrv", "provider_ref": "wasmcloud+builtin://http-server",
        "host_id": host.as_str(), "config": [], "annotations": {},
    });
    control(site, &format!("provider.start.{host}"), &body).await;
    for (source, target, package, interface, configs) in [
        ("caps", "fs", "wasi:blobstore", "blobstore", json!([])),
        ("caps", "msg", "wasmcloud:messaging", "consumer", json!([])),
        (
            "httpsrv",
            "caps",
            "wasi:http",
            "incoming-handler",
            json!(["httpcfg"]),
        ),
    ] {
        let (namespace, package) = package.split_once(':').unwrap();
        let body = json!({
            "source_id": source, "target": target, "name": "default", "wit_namespace": namespace,
            "wit_package": package, "interfaces": [interface], "source_config": configs,
            "target_config": [],
        });
        control(site, "link.put", &body).await;
    }
    site.runs(&host, &["caps", "httpsrv"]).await;
}

async fn play_recording(kind: BrokerKind) {
    let Some(messages) = recorded() else { return };
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let (address, nats) = (free_address(), site.nats());
    let fs = nats.subscribe("default.fs.wrpc.>").await.unwrap();
    let mut msg = nats.subscribe("default.msg.wrpc.>").await.unwrap();
    nats.flush().await.unwrap();
    start(&site, &node, address).await;
    http::get_when(address, "/", |answer| answer.status == 200).await;

    let calls_of = |prefix: &str| calls(&messages, prefix);
    let blobs = calls_of("default.fs.wrpc.");
    assert_eq!(blobs.len(), 11);
    let (answer, ()) = tokio::join!(http::get(address, "/blob"), replay(nats, fs, blobs));
    assert_eq!(
        answer.unwrap().text(),
        r#"Ok("has=true size=Ok(10) part=\"hell\" names=[\"a.txt\"] end=true gone=true")"#
    );

    let mut sent = calls_of("default.msg.wrpc.");
    assert_eq!(sent.len(), 3);
    let echo = sent.split_off(2);
    let (answers, msg) = tokio::join!(
        async {
            let published = http::get(address, "/publish").await.unwrap();
            let asked = http::get(address, "/request").await.unwrap();
            (published.body, asked.body)
        },
        async {
            for call in sent {
                let request = in_time(msg.next()).await.unwrap();
                play(nats, request, &call).await;
            }
            msg
        }
    );
    assert_eq!(answers.0, "Ok(())");
    assert_eq!(answers.1, r#"Ok((true, "answer to question"))"#);
    hand(
        nats,
        msg,
        calls_of("default.caps.wrpc.0.0.1.wasmcloud:"),
        echo,
    )
    .await;
}

/// Hands the component the recorded messages, and checks that it answers as the recorded one did.
async fn hand(nats: &Client, msg: Subscriber, handed: VecDeque<Call>, echo: VecDeque<Call>) {
    assert_eq!(handed.len(), 3);
    let answers = async {
        for call in handed {
            let root = nats.new_inbox();
            let mut accepts = nats.subscribe(root.clone()).await.unwrap();
            let mut results = nats.subscribe(format!("{root}.results")).await.unwrap();
            let mut headers = async_nats::HeaderMap::new();
            for (name, value) in call.headers.as_object().unwrap() {
                headers.insert(name.as_str(), value.as_str().unwrap());
            }
            nats.publish_with_reply_and_headers(
                call.subject.clone(),
                root,
                headers,
                call.params.clone(),
            )
            .await
            .unwrap();
            let peer = in_time(accepts.next()).await.unwrap().reply.unwrap();
            nats.publish(format!("{peer}.params"), Bytes::new())
                .await
                .unwrap();
            for (_, expected) in &call.results {
                let result = in_time(results.next()).await.unwrap();
                assert_eq!(result.payload, expected);
            }
        }
    };
    // To the second one it publishes an answer.
    tokio::join!(answers, replay(nats, msg, echo));
}

#[tokio::test]
async fn the_recorded_calls_are_made_and_answered_alike_on_the_embedded_broker() {
    play_recording(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn the_recorded_calls_are_made_and_answered_alike_on_nats_server() {
    play_recording(BrokerKind::Server).await;
}
