//! The control interface against recordings of the original: the same requests, answers of the same shape.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use serde_json::Value;
use weft_node::Ended;
use weft_testkit::{BrokerKind, Site, free_address, guest, http, in_time, skipped};

const RECORDING: &str = "host-1.9.2.jsonl";
/// The address of the recorded HTTP server.
const ADDRESS: &str = "127.0.0.1:8093";
const CONTROL: &str = "wasmbus.ctl.v1.default.";

/// Events of a lattice, as a client that knows nothing of Weft sees them.
struct Events {
    subscriber: async_nats::Subscriber,
    seen: Vec<(String, Value)>,
}

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded_on_the_embedded_broker() {
    answers_as_recorded(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded_on_nats_server() {
    answers_as_recorded(BrokerKind::Server).await;
}

async fn answers_as_recorded(kind: BrokerKind) {
    let Some(text) = recording() else {
        return;
    };
    let Some((site, mut node)) = Site::start(kind).await else {
        return;
    };
    let page = free_address();
    let rows = rows(&text, node.host().as_str(), page);
    let replies = first_by_subject(&rows);
    let mut events = Events::follow(&site).await;
    let mut differences = Vec::new();
    let mut answered = None;
    let mut requests = 0;
    let mut previous = None;
    let mut stopped = None;
    for row in &rows {
        let subject = row["subject"].as_str().unwrap_or_default();
        if let Some(note) = row["note"].as_str() {
            if let Some(target) = note.strip_prefix("HTTP ") {
                let target = target.split(' ').next().unwrap();
                answered = Some((note, http::get(page, target).await.unwrap()));
            } else if let Some(expected) = note.strip_prefix("response: ") {
                let (note, answer) = answered.take().unwrap();
                check_answer(note, expected, &answer, &mut differences);
            }
        } else if subject.starts_with(CONTROL) {
            requests += 1;
            let body = row["data"].as_str().unwrap_or_default();
            let ours = site.ask(subject, body).await;
            let reply = replies[row["reply"].as_str().unwrap()];
            let recorded = payload(reply);
            let what = format!("{subject} {body}");
            compare(&what, &recorded, &ours, &mut differences);
            compare_outcome(&what, &recorded, &ours, &mut differences);
        } else if subject.starts_with("wasmbus.evt.") {
            let recorded = payload(row);
            if subject.ends_with("host_stopped") {
                stopped = Some(recorded);
                continue;
            }
            // The original tells a new component twice.
            if previous.replace(recorded["data"].clone()) == Some(recorded["data"].clone()) {
                continue;
            }
            let ours = events.like(subject, &recorded).await;
            compare(subject, &recorded, &ours, &mut differences);
        }
    }
    assert!(requests >= 25, "{requests} requests in the recording");
    // The last request was to stop the host. Its process does so.
    let ended = in_time(node.node().ended()).await;
    assert!(matches!(ended, Ended::HostStopped { .. }), "{ended:?}");
    node.stop().await;
    let recorded = stopped.unwrap();
    let ours = events
        .like("wasmbus.evt.default.host_stopped", &recorded)
        .await;
    compare("host_stopped", &recorded, &ours, &mut differences);
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn heartbeats_are_events_with_the_inventory() {
    let Some((site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let mut events = Events::follow(&site).await;
    let event = events
        .next("wasmbus.evt.default.host_heartbeat", |_| true)
        .await;
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "com.wasmcloud.lattice.host_heartbeat");
    assert_eq!(event["source"], node.host().as_str());
    assert_eq!(event["datacontenttype"], "application/json");
    assert!(event["id"].is_string() && event["time"].is_string());
    let subject = format!("{CONTROL}host.get.{}", node.host());
    let inventory = site.ask(&subject, "").await;
    let mut differences = Vec::new();
    compare(
        "heartbeat",
        &inventory["response"],
        &event["data"],
        &mut differences,
    );
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Compares shapes: each key that was recorded is there with a value of the same type, and no other but additions of Weft.
fn compare(what: &str, recorded: &Value, ours: &Value, differences: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, value) in recorded {
                match ours.get(key) {
                    Some(one) => compare(&format!("{what} .{key}"), value, one, differences),
                    None if value.is_null() => {}
                    None => differences.push(format!("{what}: `{key}` is missing")),
                }
            }
            for (key, value) in ours {
                if !recorded.contains_key(key) && !key.starts_with("weft") {
                    differences.push(format!("{what}: `{key}` is new: {value}"));
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            if recorded.len() != ours.len() {
                differences.push(format!(
                    "{what}: {} entries instead of {}",
                    ours.len(),
                    recorded.len()
                ));
            }
            for one in ours {
                let same = |other: &&Value| {
                    other["id"] == one["id"] && other["source_id"] == one["source_id"]
                };
                if let Some(recorded) = recorded.iter().find(same) {
                    compare(&format!("{what} []"), recorded, one, differences);
                }
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (recorded, ours) => {
            if std::mem::discriminant(recorded) != std::mem::discriminant(ours) {
                differences.push(format!("{what}: {ours} instead of {recorded}"));
            }
        }
    }
}

/// The flag is the recorded one, and so is the text.
fn compare_outcome(what: &str, recorded: &Value, ours: &Value, differences: &mut Vec<String>) {
    let is_same = recorded["success"] == ours["success"] && recorded["message"] == ours["message"];
    if !is_same {
        differences.push(format!("{what}: {ours} instead of {recorded}"));
    }
}

fn check_answer(note: &str, expected: &str, answer: &http::Answer, differences: &mut Vec<String>) {
    let is_right = if !expected.starts_with("ERR") {
        // The recording cuts long answers.
        answer.status == 200 && answer.body.starts_with(expected.trim_end())
    } else if note.contains("without") {
        // Interfaces with an error of their own tell it to the guest, which answers; others trap.
        answer.body.contains("no link lets") || answer.body.contains("LNK010")
    } else {
        // The original could not decode what it had encoded.
        answer.status == 200
    };
    if !is_right {
        differences.push(format!("{note}: {answer:?} instead of {expected}"));
    }
}

// ===== impl Events =====

impl Events {
    async fn follow(site: &Site) -> Self {
        let subscriber = site.nats().subscribe("wasmbus.evt.default.>").await;
        site.lattice().flush().await.unwrap();
        site.nats().flush().await.unwrap();
        Self {
            subscriber: subscriber.unwrap(),
            seen: Vec::new(),
        }
    }

    /// The next event of the subject that is about the same thing as a recorded one.
    async fn like(&mut self, subject: &str, recorded: &Value) -> Value {
        let keys = ["component_id", "provider_id", "config_name", "source_id"];
        let key = keys.iter().find(|key| recorded["data"][*key].is_string());
        self.next(subject, |event| {
            key.is_none_or(|key| event["data"][key] == recorded["data"][key])
        })
        .await
    }

    /// Takes the first event that was not taken yet, of the subject and as wanted.
    async fn next(&mut self, subject: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let fits = |(one, event): &(String, Value)| one == subject && is_it(event);
        let next = async {
            loop {
                if let Some(place) = self.seen.iter().position(fits) {
                    return self.seen.remove(place).1;
                }
                let message = self.subscriber.next().await.unwrap();
                let event = serde_json::from_slice(&message.payload).unwrap();
                self.seen.push((message.subject.to_string(), event));
            }
        };
        match tokio::time::timeout(weft_testkit::DEADLINE, next).await {
            Ok(event) => event,
            Err(_) => panic!("no such event on `{subject}`; others: {:?}", self.seen),
        }
    }
}

/// The recording; `None`, with a word about it, where there is none.
fn recording() -> Option<String> {
    let path = vectors().join(RECORDING);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        skipped(&format!(
            "there is no `{}`; set WEFT_VECTORS",
            path.display()
        ));
    }
    text
}

/// The lines of a recording, with our host, address and components in the place of those recorded.
fn rows(text: &str, host: &str, page: SocketAddr) -> Vec<Value> {
    let text = text
        .replace(&recorded_host(text), host)
        .replace(ADDRESS, &page.to_string())
        .replace("/components/callee.wasm", &path_of("kinds-callee"))
        .replace("/components/caller.wasm", &path_of("kinds-caller"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn first_by_subject(rows: &[Value]) -> BTreeMap<&str, &Value> {
    let mut first = BTreeMap::new();
    for row in rows {
        if let Some(subject) = row["subject"].as_str() {
            first.entry(subject).or_insert(row);
        }
    }
    first
}

fn payload(row: &Value) -> Value {
    serde_json::from_str(row["data"].as_str().unwrap()).unwrap()
}

fn recorded_host(text: &str) -> String {
    let (_, rest) = text.split_once("host.get.").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn path_of(guest: &str) -> String {
    guest::path(guest).to_str().unwrap().to_owned()
}

fn vectors() -> PathBuf {
    match std::env::var_os("WEFT_VECTORS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    }
}
