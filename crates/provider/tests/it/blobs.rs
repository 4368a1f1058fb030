//! The calls of the recorded blob store, answered by the example.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::Value;

use crate::example_blobs::Memory;
use crate::host::Host;
use crate::recording::{payload, read, subject};
use crate::server::{settled, within};

/// The functions of the store, as they were recorded.
const PREFIX: &str = "default.fs.wrpc.0.0.1.";

/// What was sent below `root`, by the path behind it. Ends are left out, and paths without anything else.
fn below(messages: &[Value], root: &str) -> BTreeMap<String, Vec<u8>> {
    let mut below: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for message in messages {
        if let Some(path) = subject(message).strip_prefix(root)
            && !payload(message).is_empty()
        {
            let bytes = below.entry(path.to_owned()).or_default();
            bytes.extend_from_slice(&payload(message));
        }
    }
    below
}

/// Makes a call as 1.9 does, with streams, and gives what comes by each of `paths`.
async fn call(
    host: &Host,
    function: &str,
    params: Bytes,
    streams: BTreeMap<String, Vec<u8>>,
    mut paths: BTreeSet<String>,
) -> BTreeMap<String, Vec<u8>> {
    let root = host.nats.new_inbox();
    let mut messages = host
        .nats
        .subscribe(format!("{root}.results.>"))
        .await
        .unwrap();
    let mut results = host
        .nats
        .subscribe(format!("{root}.results"))
        .await
        .unwrap();
    let mut accepts = host.nats.subscribe(root.clone()).await.unwrap();
    settled(&host.nats).await;
    let mut headers = HeaderMap::new();
    headers.insert("source-id", "caps");
    headers.insert("link-name", "default");
    let subject = format!("default.kv.wrpc.0.0.1.{function}");
    let sent = host
        .nats
        .publish_with_reply_and_headers(subject, root.clone(), headers, params);
    sent.await.unwrap();
    let peer = within(accepts.next()).await.unwrap().reply.unwrap();
    let publish = async |tail: &str, bytes: Vec<u8>| {
        let subject = format!("{peer}.params{tail}");
        host.nats.publish(subject, bytes.into()).await.unwrap();
    };
    publish("", Vec::new()).await;
    for (path, bytes) in streams {
        publish(&path, bytes).await;
        publish(&path, Vec::new()).await;
    }
    let mut come: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    while !paths.is_empty() {
        let message = within(async {
            tokio::select! {
                message = results.next() => message,
                message = messages.next() => message,
            }
        });
        let message = message.await.unwrap();
        let path = message
            .subject
            .strip_prefix(&format!("{root}.results"))
            .unwrap();
        if message.payload.is_empty() {
            paths.remove(path);
        } else {
            come.entry(path.to_owned())
                .or_default()
                .extend_from_slice(&message.payload);
        }
    }
    come
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_store_answers_a_host_of_1_9_as_its_own_provider_did() {
    let Some(text) = read("capabilities-1.9.2.jsonl") else {
        return;
    };
    let recorded: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run_until_healthy(Memory::default()).await;
    let mut calls = 0;
    for request in &recorded {
        let Some(function) = subject(request).strip_prefix(PREFIX) else {
            continue;
        };
        let caller = request["reply"].as_str().unwrap();
        let accept = recorded.iter().find(|message| subject(message) == caller);
        let callee = accept.unwrap()["reply"].as_str().unwrap();
        let streams = below(&recorded, &format!("{callee}.params"));
        let mut expected = below(&recorded, &format!("{caller}.results"));
        let paths = expected.keys().cloned().collect();
        let mut come = call(&host, function, payload(request), streams, paths).await;
        if function.ends_with("get-object-info") {
            // When it was made is between the first byte and the last.
            for results in [&mut expected, &mut come] {
                let results = results.get_mut("").unwrap();
                let made = 1..results.len() - 1;
                results.drain(made);
            }
        }
        assert_eq!(come, expected, "{function}");
        calls += 1;
    }
    assert_eq!(calls, 11);
    host.shut_down(running).await;
}
