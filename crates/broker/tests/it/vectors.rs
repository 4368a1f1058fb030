//! Requests that a real wasmCloud host and its clients sent, and what a real server answered.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::Server;

/// Fields that differ from run to run, or that only later servers add.
const VARYING: [&str; 6] = [
    "created",
    "name",
    "ts",
    "deliver_subject",
    "metadata",
    "ack_floor",
];

/// One line of a recording.
struct Recorded {
    subject: String,
    body: String,
    headers: BTreeMap<String, String>,
}

/// What a wasmCloud host 1.9.2 and its clients sent for their buckets, and the server's audit of its API.
fn recordings() -> Vec<Recorded> {
    include_str!("vectors/host-1.9.2.jsonl")
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let headers = line["headers"].as_object().cloned().unwrap_or_default();
            Recorded {
                subject: text(&line["subject"]),
                body: text(&line["data"]),
                headers: headers
                    .iter()
                    .map(|(name, value)| (name.clone(), text(value)))
                    .collect(),
            }
        })
        .collect()
}

/// Removes what varies, at any depth.
fn normalize(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|name, _| !VARYING.contains(&name.as_str()));
        fields.values_mut().for_each(normalize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_host_gets_the_answers_it_got() {
    let recordings = recordings();
    let server = Server::broker().await;
    for name in ["CONFIGDATA_default", "LATTICEDATA_default"] {
        server
            .bucket(async_nats::jetstream::kv::Config {
                bucket: name.to_owned(),
                ..Default::default()
            })
            .await;
    }
    let client = server.client().await;
    let mut counts = BTreeMap::new();
    for recorded in &recordings {
        let kind = if recorded.subject.starts_with("$KV.") {
            check_put(&client, recorded).await
        } else if recorded.subject.starts_with("$JS.API.DIRECT.GET.") {
            check_get(&client, recorded).await
        } else if recorded.subject == "$JS.EVENT.ADVISORY.API" {
            check_api(&client, recorded).await
        } else {
            continue;
        };
        *counts.entry(kind).or_insert(0) += 1;
    }
    let expected = [("api", 1), ("get", 12), ("put", 9)];
    assert_eq!(counts, BTreeMap::from(expected));
}

async fn check_put(client: &async_nats::Client, recorded: &Recorded) -> &'static str {
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in &recorded.headers {
        // The recorded revisions belong to another history.
        if !name.starts_with("Nats-Expected") {
            headers.insert(name.as_str(), value.as_str());
        }
    }
    let request = async_nats::Request::new()
        .payload(recorded.body.clone().into())
        .headers(headers);
    let answer = client
        .send_request(recorded.subject.clone(), request)
        .await
        .unwrap();
    let ack: Value = serde_json::from_slice(&answer.payload).unwrap();
    let bucket = recorded.subject.split('.').nth(1).unwrap();
    assert_eq!(ack["stream"], format!("KV_{bucket}"), "{ack}");
    assert!(ack["seq"].as_u64().is_some_and(|seq| seq > 0), "{ack}");
    "put"
}

async fn check_get(client: &async_nats::Client, recorded: &Recorded) -> &'static str {
    let answer = client
        .request(recorded.subject.clone(), recorded.body.clone().into())
        .await
        .unwrap();
    match answer.status {
        Some(status) => assert_eq!(status, async_nats::StatusCode::NOT_FOUND),
        None => {
            let headers = answer.headers.unwrap();
            let subject = headers.get("Nats-Subject").unwrap().as_str().to_owned();
            assert!(recorded.subject.ends_with(&subject), "{subject}");
            for name in ["Nats-Stream", "Nats-Sequence", "Nats-Time-Stamp"] {
                assert!(headers.get(name).is_some(), "{name} is missing");
            }
        }
    }
    "get"
}

/// Sends a request that was audited, and compares the answer with the audited one.
async fn check_api(client: &async_nats::Client, recorded: &Recorded) -> &'static str {
    let audit: Value = serde_json::from_str(&recorded.body).unwrap();
    let text = |name: &str| audit[name].as_str().unwrap_or_default().to_owned();
    let answer = client
        .request(text("subject"), text("request").into())
        .await
        .unwrap();
    let mut found: Value = serde_json::from_slice(&answer.payload).unwrap();
    let mut expected: Value = serde_json::from_str(&text("response")).unwrap();
    // How far the stream was differs; that the consumer begins after it does not.
    for value in [&mut found, &mut expected] {
        assert!(value["delivered"]["stream_seq"].take().as_u64().is_some());
        normalize(value);
    }
    assert_eq!(found, expected);
    "api"
}
