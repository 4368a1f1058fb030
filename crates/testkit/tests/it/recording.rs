//! Recordings of a real lattice of 1.9, and what they are compared with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use serde_json::Value;
use weft_testkit::{DEADLINE, Site, guest, skipped};

/// Where hosts are asked.
pub(crate) const CONTROL: &str = "wasmbus.ctl.v1.default.";
/// What an event is about, by whichever it has.
const SUBJECT_KEYS: [&str; 4] = ["component_id", "provider_id", "config_name", "source_id"];

/// What hosts tell and what they tell their providers, as a client that knows nothing of Weft hears it.
pub(crate) struct Heard {
    subscriber: async_nats::Subscriber,
    /// What nobody asked for yet, in order.
    kept: Vec<(String, Value)>,
}

// ===== impl Heard =====

impl Heard {
    pub(crate) async fn follow(site: &Site) -> Self {
        let subscriber = site.nats().subscribe("wasmbus.>").await;
        site.nats().flush().await.unwrap();
        Self {
            subscriber: subscriber.unwrap(),
            kept: Vec::new(),
        }
    }

    /// The next event of the subject that is about the same thing as a recorded one.
    pub(crate) async fn like(&mut self, subject: &str, recorded: &Value) -> Value {
        let key = SUBJECT_KEYS
            .iter()
            .find(|key| recorded["data"][*key].is_string());
        self.next(subject, |one, event| {
            one == subject && key.is_none_or(|key| event["data"][key] == recorded["data"][key])
        })
        .await
    }

    /// Takes the first message that was not taken yet and is as wanted. What is no JSON is null.
    pub(crate) async fn next(&mut self, what: &str, is_it: impl Fn(&str, &Value) -> bool) -> Value {
        let next = async {
            loop {
                let mut kept = self.kept.iter();
                if let Some(place) = kept.position(|(subject, body)| is_it(subject, body)) {
                    return self.kept.remove(place).1;
                }
                let message = self.subscriber.next().await.unwrap();
                let body = serde_json::from_slice(&message.payload).unwrap_or_default();
                self.kept.push((message.subject.to_string(), body));
            }
        };
        match tokio::time::timeout(DEADLINE, next).await {
            Ok(body) => body,
            Err(_) => panic!("there is no {what}; others: {:#?}", self.kept),
        }
    }
}

/// The lines of a recording, each text in the place of another; `None`, with a word about it, where there is none.
pub(crate) fn rows(name: &str, host: &str, places: &[(&str, String)]) -> Option<Vec<Value>> {
    let text = read(name)?;
    let mut text = text.replace(&recorded_host(&text), host);
    for (place, value) in places {
        text = text.replace(place, value);
    }
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(rows.collect())
}

/// The first message on each subject: the replies of a recording, by where they were wanted.
pub(crate) fn first_by_subject(rows: &[Value]) -> BTreeMap<&str, &Value> {
    let mut first = BTreeMap::new();
    for row in rows {
        if let Some(subject) = row["subject"].as_str() {
            first.entry(subject).or_insert(row);
        }
    }
    first
}

/// The JSON of a message.
pub(crate) fn payload(row: &Value) -> Value {
    serde_json::from_str(row["data"].as_str().unwrap()).unwrap()
}

pub(crate) fn path_of(guest: &str) -> String {
    guest::path(guest).to_str().unwrap().to_owned()
}

/// Compares shapes: each key that was recorded is there with a value of the same type, and no other but additions of Weft.
pub(crate) fn compare(what: &str, recorded: &Value, ours: &Value, differences: &mut Vec<String>) {
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
pub(crate) fn compare_outcome(
    what: &str,
    recorded: &Value,
    ours: &Value,
    differences: &mut Vec<String>,
) {
    let is_same = recorded["success"] == ours["success"] && recorded["message"] == ours["message"];
    if !is_same {
        differences.push(format!("{what}: {ours} instead of {recorded}"));
    }
}

fn read(name: &str) -> Option<String> {
    let path = vectors().join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        skipped(&format!(
            "there is no `{}`; set WEFT_VECTORS",
            path.display()
        ));
    }
    text
}

fn recorded_host(text: &str) -> String {
    let (_, rest) = text.split_once("host.get.").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn vectors() -> PathBuf {
    match std::env::var_os("WEFT_VECTORS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    }
}
