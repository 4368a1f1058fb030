//! Random operations on a stream, and on a model of one that is simple enough to be right.
//!
//! The stream is the real one with its storage, behind its API, restarted at random. Time is driven.

mod stream;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::jetstream::EngineBounds;
use crate::jetstream::clock::{Nanos, TimeShift};
use crate::jetstream::engine::driver::Driver;
use stream::{Answer, Config, Publish, Rollup, Ttl};

/// Names the seed of a run that is to be repeated.
const SEED: &str = "WEFT_SEED";

/// Names how many runs there are.
const RUNS: &str = "WEFT_MODEL_RUNS";
const RUNS_DEFAULT: u64 = 30;

const OPERATIONS: u64 = 150;

/// Operations between comparisons of everything.
const COMPARE_EVERY: u64 = 25;

const SUBJECTS: [&str; 5] = ["s.a", "s.b", "s.c", "s.d.one", "s.d.two"];
const FILTERS: [&str; 5] = ["s.a", "s.*", "s.d.>", "s.>", "none"];
const IDS: [&str; 4] = ["one", "two", "three", "four"];

const MILLISECOND: Nanos = 1_000_000;
const SECOND: Nanos = 1000 * MILLISECOND;

/// A source of numbers (SplitMix64).
struct Random(u64);

/// Says which run failed.
struct Banner(u64);

/// One run.
struct Run<'a> {
    random: Random,
    path: &'a Path,
    driver: Option<Driver>,
    model: stream::Model,
    age: Nanos,
    /// What was done, for the message of a failure.
    last: String,
}

// ---------------------------------------------------------------------------------------------------------

#[test]
fn a_stream_does_what_a_simple_model_of_it_does() {
    if let Ok(seed) = std::env::var(SEED) {
        return run(seed.parse().unwrap());
    }
    let first = UNIX_EPOCH.elapsed().unwrap().as_secs() << 16;
    let runs = std::env::var(RUNS).map_or(RUNS_DEFAULT, |runs| runs.parse().unwrap());
    (first..first + runs).for_each(run);
}

fn run(seed: u64) {
    let _banner = Banner(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    let model = stream::Model::new(random.config());
    let mut run = Run {
        random,
        path: &dir.path().join("store"),
        driver: None,
        model,
        age: 0,
        last: String::new(),
    };
    run.start();
    let config = run.model.config.to_json();
    let created = run.ask("$JS.API.STREAM.CREATE.S", &config);
    assert_eq!(created["error"], Value::Null, "{config}");
    for number in 1..=OPERATIONS {
        run.step();
        run.compare_state();
        if number.is_multiple_of(COMPARE_EVERY) {
            run.compare_messages();
        }
    }
}

impl Run<'_> {
    fn start(&mut self) {
        let synced = self.random.chance(4).then(|| "*".to_owned());
        let bounds = EngineBounds {
            streams_max: 1,
            consumers_max: 1,
            memory_bytes_max: 0,
            sync_interval: Duration::from_secs(1),
            synced_streams: synced.into_iter().collect(),
            time_shift: TimeShift::default(),
        };
        let driver = Driver::open(self.path, bounds, self.age, Arc::default());
        let driver = self.driver.insert(driver.unwrap());
        driver.settle();
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0 => self.restart(),
            1 | 2 => self.pause(),
            3 | 4 => self.delete(),
            5 => self.purge(),
            _ => self.publish(),
        }
    }

    fn restart(&mut self) {
        let driver = self.driver.take().unwrap();
        if self.random.chance(2) {
            driver.stop();
        } else {
            // Everything acknowledged is stored, stopped or not.
            drop(driver);
        }
        self.age += self.random.pause();
        self.last = format!("restart at {}", self.age);
        self.start();
        self.model.restart(self.age);
    }

    fn pause(&mut self) {
        self.age += self.random.pause();
        self.last = format!("pause until {}", self.age);
        let age = self.age;
        self.driver.as_mut().unwrap().set_age(age);
        self.model.expire(age);
    }

    fn delete(&mut self) {
        let seq = self.random.below(self.model.last_seq() + 3);
        self.last = format!("delete {seq}");
        let answer = self.ask("$JS.API.STREAM.MSG.DELETE.S", &json!({ "seq": seq }));
        let expected = self.model.delete(seq);
        assert_eq!(
            answer["success"] == true,
            expected,
            "{} {answer}",
            self.last
        );
    }

    fn purge(&mut self) {
        let filter = match self.random.below(3) {
            0 => "",
            _ => self.random.pick(&FILTERS),
        };
        let (before, keep) = match self.random.below(4) {
            0 => (1 + self.random.below(self.model.last_seq() + 3), 0),
            1 => (0, 1 + self.random.below(4)),
            _ => (0, 0),
        };
        let body = json!({ "filter": filter, "seq": before, "keep": keep });
        self.last = format!("purge {body}");
        let answer = self.ask("$JS.API.STREAM.PURGE.S", &body);
        let expected = self.model.purge(filter, before, keep);
        let purged = answer["success"]
            .as_bool()
            .and_then(|_| answer["purged"].as_u64());
        assert_eq!(purged, expected, "{} {answer}", self.last);
    }

    fn publish(&mut self) {
        let publish = self.random.publish(&self.model);
        self.last = format!("{publish:?}");
        let (header, body) = (publish.header(), publish.body());
        let payload = header.clone() + &body;
        let answer = self
            .driver
            .as_mut()
            .unwrap()
            .request(publish.subject, header.len(), payload.as_bytes())
            .expect("every publish is answered");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let found = match (answer["seq"].as_u64(), &answer["error"]) {
            (Some(seq), Value::Null) if answer["duplicate"] == true => Answer::Duplicate(seq),
            (Some(seq), Value::Null) => Answer::Stored(seq),
            _ => Answer::Refused,
        };
        let expected = self.model.publish(self.age, &publish);
        assert_eq!(found, expected, "{} {answer}", self.last);
    }

    fn compare_state(&mut self) {
        let info = self.ask("$JS.API.STREAM.INFO.S", &json!({ "deleted_details": true }));
        let state = &info["state"];
        let number = |name: &str| state[name].as_u64().unwrap_or(0);
        let found = stream::State {
            messages: number("messages"),
            bytes: number("bytes"),
            first_seq: number("first_seq"),
            last_seq: number("last_seq"),
            subjects: number("num_subjects"),
            deleted: state["deleted"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect(),
        };
        assert_eq!(found, self.model.state(), "after {}", self.last);
    }

    /// Compares each message, and the last of each subject.
    fn compare_messages(&mut self) {
        for seq in 1..=self.model.last_seq() + 1 {
            let found = self.get("$JS.API.DIRECT.GET.S", &json!({ "seq": seq }).to_string());
            let expected = self.model.get(seq);
            assert_eq!(found, expected, "{seq} after {}", self.last);
        }
        for subject in SUBJECTS {
            let found = self.get(&format!("$JS.API.DIRECT.GET.S.{subject}"), "");
            let last = self.model.last_of(subject);
            let expected = last.and_then(|seq| self.model.get(seq));
            assert_eq!(found, expected, "{subject} after {}", self.last);
        }
    }

    /// Sequence, subject and body of a message.
    fn get(&mut self, subject: &str, body: &str) -> Option<(u64, String, String)> {
        let driver = self.driver.as_mut().unwrap();
        let answer = driver.request(subject, 0, body.as_bytes()).unwrap();
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        let field = |name: &str| {
            let line = header.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let seq = field("Nats-Sequence:")?.parse().unwrap();
        Some((seq, field("Nats-Subject:")?, body.to_owned()))
    }

    fn ask(&mut self, subject: &str, body: &Value) -> Value {
        let driver = self.driver.as_mut().unwrap();
        let answer = driver.request(subject, 0, body.to_string().as_bytes());
        serde_json::from_slice(&answer.expect("every request is answered")).unwrap()
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True once in so many times.
    fn chance(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn pause(&mut self) -> Nanos {
        self.pick(&[1, 300, 1000, 3000, 20_000]) * MILLISECOND
    }

    fn config(&mut self) -> Config {
        let per_subject = self.pick(&[None, Some(1), Some(3)]);
        let is_discard_new = self.chance(3);
        let max_age = self.pick(&[0, 0, 10 * SECOND]);
        let has_rollup = self.chance(2);
        Config {
            max_msgs: self.pick(&[None, Some(5), Some(20)]),
            max_msgs_per_subject: per_subject,
            max_bytes: self.pick(&[None, None, Some(1500)]),
            max_msg_size: self.pick(&[None, None, Some(150)]),
            max_age,
            is_discard_new,
            is_discard_new_per_subject: is_discard_new && per_subject.is_some() && self.chance(2),
            duplicate_window: self.pick(&[SECOND, 5 * SECOND]),
            has_rollup,
            has_ttl: self.chance(2),
            denies_delete: self.chance(6),
            denies_purge: !has_rollup && self.chance(6),
        }
    }

    fn publish(&mut self, model: &stream::Model) -> Publish {
        let subject = self.pick(&SUBJECTS);
        let near =
            |random: &mut Self, right: u64| (right + 2).saturating_sub(random.pick(&[1, 2, 2, 2]));
        Publish {
            subject,
            body_len: self.pick(&[0, 1, 20, 100, 200]),
            id: self.chance(3).then(|| self.pick(&IDS)),
            expected_last: self.chance(8).then(|| near(self, model.last_seq())),
            expected_last_of_subject: self
                .chance(5)
                .then(|| near(self, model.last_of(subject).unwrap_or(0))),
            expected_last_id: self.chance(12).then(|| self.pick(&IDS)),
            rollup: match self.below(12) {
                0 => Some(Rollup::Subject),
                1 => Some(Rollup::All),
                _ => None,
            },
            ttl: match self.below(8) {
                0 => Some(Ttl::Never),
                1 => Some(Ttl::Seconds(1 + self.below(5))),
                _ => None,
            },
            salt: self.next(),
        }
    }
}

impl Drop for Banner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("repeat this run with {SEED}={}", self.0);
        }
    }
}
