//! Requests and messages of any kind, and what is left of them after a restart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::jetstream::EngineBounds;
use crate::jetstream::clock::{Nanos, TimeShift};
use crate::jetstream::engine::driver::Driver;
use crate::stats::Counters;
use crate::subject::is_valid_literal;

/// Inputs that share a store; each leaves it without streams.
const INPUTS_PER_STORE: u32 = 500;

/// Lines of an input that are heeded.
const LINES_MAX: usize = 64;

/// Restarts in one input.
const RESTARTS_MAX: usize = 2;

/// Messages of each stream that are compared.
const COMPARED_MAX: u64 = 16;

const MILLISECOND: Nanos = 1_000_000;

/// Longest that one line lets pass: a year.
const PAUSE_MAX: Nanos = 365 * 24 * 3600 * 1000 * MILLISECOND;

/// Streams to send requests to.
pub struct Api {
    path: PathBuf,
    inputs: u32,
    counters: Arc<Counters>,
}

/// One input at work.
struct Run {
    driver: Option<Driver>,
    path: PathBuf,
    counters: Arc<Counters>,
    age: Nanos,
    restarts: usize,
}

/// Streams and consumers by name, as clients see them.
type Picture = BTreeMap<String, Value>;

// ---------------------------------------------------------------------------------------------------------

impl Api {
    /// Stores are made in the directory `path`.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            inputs: 0,
            counters: Arc::default(),
        }
    }

    /// Each line of the input is one of these: `SUBJECT PAYLOAD` is a message; `+MILLISECONDS` lets time pass; `!`
    /// stops the streams and starts them again. A payload that begins with `NATS/1.0` has headers: each `|` in it
    /// ends a line, and `||` ends the headers.
    ///
    /// # Panics
    ///
    /// If a request of the API is not answered as clients expect it, or a restart changes what they see.
    pub fn check(&mut self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let mut run = Run {
            driver: None,
            path: self.store(),
            counters: Arc::clone(&self.counters),
            age: 0,
            restarts: 0,
        };
        run.start();
        for line in text.lines().take(LINES_MAX) {
            run.line(line);
        }
        run.restart();
        run.remove_all();
        run.stop();
        self.inputs += 1;
    }

    /// Where the store is, which is a new one now and then.
    fn store(&mut self) -> PathBuf {
        if self.inputs.is_multiple_of(INPUTS_PER_STORE) && self.path.exists() {
            fs::remove_dir_all(&self.path).expect("the old store goes");
        }
        self.path.clone()
    }
}

impl Run {
    fn start(&mut self) {
        let bounds = EngineBounds {
            streams_max: 8,
            consumers_max: 16,
            memory_bytes_max: 64 * 1024,
            sync_interval: Duration::from_secs(1),
            synced_streams: Vec::new(),
            time_shift: TimeShift::default(),
        };
        let counters = Arc::clone(&self.counters);
        let driver = Driver::open(&self.path, bounds, self.age, counters);
        self.driver = Some(driver.expect("the engine starts on a sound store"));
    }

    fn stop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.stop();
        }
    }

    fn driver(&mut self) -> &mut Driver {
        self.driver
            .as_mut()
            .expect("it runs between start and stop")
    }

    fn line(&mut self, line: &str) {
        if let Some(pause) = line.strip_prefix('+') {
            let pause = pause.trim().parse().unwrap_or(0);
            let pause = MILLISECOND.saturating_mul(pause).clamp(0, PAUSE_MAX);
            self.age = self.age.saturating_add(pause);
            let age = self.age;
            self.driver().set_age(age);
        } else if line == "!" {
            if self.restarts < RESTARTS_MAX {
                self.restarts += 1;
                self.restart();
            }
        } else if let Some((subject, payload)) = line.split_once(' ')
            && !subject.is_empty()
        {
            self.message(subject, payload);
        }
    }

    fn message(&mut self, subject: &str, payload: &str) {
        let (header_len, payload) = with_headers(payload);
        let answer = self
            .driver()
            .request(subject, header_len, payload.as_bytes());
        let path = subject.strip_prefix("$JS.API.");
        let Some(path) = path.filter(|_| is_valid_literal(subject.as_bytes())) else {
            return;
        };
        let is_json = !path.starts_with("DIRECT.GET") && !path.starts_with("CONSUMER.MSG.NEXT");
        if is_json {
            let answer = answer.unwrap_or_else(|| panic!("no answer to {subject}"));
            let answer: Value = serde_json::from_slice(&answer)
                .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&answer)));
            let kind = answer["type"].as_str().expect("answers tell their type");
            assert!(kind.starts_with("io.nats.jetstream.api.v1."), "{kind}");
            if let Some(error) = answer.get("error") {
                let code = error["code"].as_u64().expect("errors have a code");
                assert!((400..600).contains(&code), "{answer}");
                assert!(error["description"].is_string(), "{answer}");
            }
        }
    }

    /// Stops and starts, and compares what clients see.
    fn restart(&mut self) {
        let before = self.picture();
        self.stop();
        self.start();
        let after = self.picture();
        assert_eq!(before, after, "a restart changes what clients see");
    }

    /// Everything that survives a restart.
    fn picture(&mut self) -> Picture {
        // Nothing is delivered or expires while it is taken.
        let mut picture = Picture::new();
        for (name, mut info) in self.streams() {
            if info["config"]["storage"] != "file" {
                continue;
            }
            let consumers = self.ask(&format!("$JS.API.CONSUMER.LIST.{name}"), "");
            for consumer in consumers["consumers"].as_array().into_iter().flatten() {
                if consumer["config"]["durable_name"].is_string()
                    && consumer["config"]["mem_storage"] != true
                {
                    picture.insert(
                        format!("{name} {}", consumer["name"]),
                        json!([consumer["config"], consumer["ack_floor"]["stream_seq"]]),
                    );
                }
            }
            let first = info["state"]["first_seq"].as_u64().unwrap_or_default();
            for seq in first..first.saturating_add(COMPARED_MAX) {
                let body = format!(r#"{{"seq":{seq}}}"#);
                let message = self.ask(&format!("$JS.API.STREAM.MSG.GET.{name}"), &body);
                picture.insert(format!("{name} {seq}"), message);
            }
            if let Some(state) = info["state"].as_object_mut() {
                state.remove("consumer_count");
            }
            picture.insert(
                name,
                json!([info["config"], info["created"], info["state"]]),
            );
        }
        picture
    }

    fn streams(&mut self) -> Vec<(String, Value)> {
        let list = self.ask("$JS.API.STREAM.LIST", "");
        let streams = list["streams"].as_array().cloned().unwrap_or_default();
        streams
            .into_iter()
            .filter_map(|info| Some((info["config"]["name"].as_str()?.to_owned(), info)))
            .collect()
    }

    fn remove_all(&mut self) {
        for (name, _) in self.streams() {
            let answer = self.ask(&format!("$JS.API.STREAM.DELETE.{name}"), "");
            assert_eq!(answer["success"], true, "{name}: {answer}");
        }
    }

    fn ask(&mut self, subject: &str, body: &str) -> Value {
        let answer = self.driver().request(subject, 0, body.as_bytes());
        let answer = answer.unwrap_or_else(|| panic!("no answer to {subject}"));
        serde_json::from_slice(&answer).expect("answers are JSON")
    }
}

/// The length of the headers, and headers and body.
fn with_headers(payload: &str) -> (usize, String) {
    if !payload.starts_with("NATS/1.0") {
        return (0, payload.to_owned());
    }
    let (header, body) = payload.split_once("||").unwrap_or((payload, ""));
    let header = format!("{}\r\n\r\n", header.replace('|', "\r\n"));
    (header.len(), header + body)
}
