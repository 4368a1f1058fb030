//! A store whose files were damaged is opened.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::jetstream::EngineBounds;
use crate::jetstream::clock::TimeShift;
use crate::jetstream::engine::driver::{Driver, DriverError};
use crate::stats::Counters;

/// Messages that are stored: enough for many segments, some of which have been removed.
const MESSAGES: u64 = 700;

const STREAM: &str = "S";

/// Damages in one input.
const DAMAGES_MAX: usize = 6;

/// Bytes that tell whether the end of the log is there.
const TAIL_LEN: usize = 64;

/// Bytes that tell of one damage.
const DAMAGE_LEN: usize = 6;

/// A sound store, and room to damage copies of it.
pub struct Recovery {
    /// Each file by its path in the store.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// What each message holds.
    bodies: BTreeMap<u64, String>,
    path: PathBuf,
}

/// How a damaged store opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// With all but these messages, and this much reported.
    Mended {
        /// Messages that are gone.
        lost: u64,
        /// Damaged and torn records that were reported.
        reported: u64,
    },
    /// Not, with an error that says so.
    Refused,
}

// ---------------------------------------------------------------------------------------------------------

impl Recovery {
    /// Makes a store in the directory `path`, which is used for its copies as well.
    ///
    /// # Panics
    ///
    /// If that is not possible.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        empty(path);
        let mut bodies = BTreeMap::new();
        let counters = Arc::new(Counters::default());
        let mut driver = Driver::open(path, bounds(), 0, counters).expect("a new store opens");
        let config = format!(
            r#"{{"name":"{STREAM}","subjects":["s.*"],"max_msgs_per_subject":60,"allow_direct":true}}"#
        );
        ask(
            &mut driver,
            &format!("$JS.API.STREAM.CREATE.{STREAM}"),
            &config,
        );
        let consumer = format!(
            r#"{{"stream_name":"{STREAM}","config":{{"durable_name":"C","ack_policy":"explicit"}}}}"#
        );
        let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.C");
        ask(&mut driver, &subject, &consumer);
        for seq in 1..=MESSAGES {
            let body = format!(
                "{seq} {}",
                "body".repeat(usize::try_from(seq % 20 * 20).unwrap_or(0))
            );
            ask(&mut driver, &format!("s.{}", seq % 7), &body);
            bodies.insert(seq, body);
        }
        driver.stop();
        let (mut driver, _) = open(path).expect("the store is sound");
        bodies.retain(|seq, _| body(&mut driver, *seq).is_some());
        assert_eq!(
            bodies.len(),
            7 * 60,
            "what the limit of each subject leaves"
        );
        driver.stop();
        let mut files = BTreeMap::new();
        collect(path, path, &mut files);
        Self {
            files,
            bodies,
            path: path.to_owned(),
        }
    }

    /// Each six bytes of the input damage a file: which one, how, where (three bytes), and with what.
    ///
    /// # Panics
    ///
    /// If the damaged store makes the broker panic, or if messages are missing that nothing was reported of, or if
    /// one has another content than it had.
    pub fn check(&self, data: &[u8]) -> Opened {
        let mut files = self.files.clone();
        for damage in data.chunks_exact(DAMAGE_LEN).take(DAMAGES_MAX) {
            apply(damage, &mut files);
        }
        let is_damaged = files != self.files;
        empty(&self.path);
        for (path, bytes) in &files {
            let path = self.path.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).expect("there is room");
            }
            fs::write(path, bytes).expect("there is room");
        }
        let opened = panic::catch_unwind(AssertUnwindSafe(|| open(&self.path)))
            .unwrap_or_else(|_| panic!("opening panics"));
        let (mut driver, counters) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                assert!(is_damaged, "a sound store is refused: {error}");
                return Opened::Refused;
            }
        };
        let mut lost = 0;
        for (seq, expected) in &self.bodies {
            match body(&mut driver, *seq) {
                Some(found) => assert_eq!(found, *expected, "message {seq}"),
                None => lost += 1,
            }
        }
        let reported = counters.corrupt_records.get() + counters.torn_batches.get();
        if !is_damaged {
            assert_eq!((lost, reported), (0, 0), "a sound store is read whole");
        }
        assert!(
            lost == 0 || reported > 0 || self.is_cut(&files),
            "{lost} messages are silently gone"
        );
        // It works on, and is sound from now on.
        ask(&mut driver, "s.new", "after");
        driver.stop();
        let (driver, _) = open(&self.path).expect("it was opened before");
        drop(driver);
        Opened::Mended { lost, reported }
    }
}

impl Recovery {
    /// Whether the end of the log is not there. Nothing tells that it ever was, unless it is cut within a batch.
    fn is_cut(&self, files: &BTreeMap<PathBuf, Vec<u8>>) -> bool {
        let is_segment = |path: &Path| path.extension().is_some_and(|found| found == "seg");
        let last = self.files.iter().rfind(|(path, _)| is_segment(path));
        last.is_some_and(|(path, whole)| {
            let tail = &whole[whole.len().saturating_sub(TAIL_LEN)..];
            !files.get(path).is_some_and(|bytes| bytes.ends_with(tail))
        })
    }
}

fn open(path: &Path) -> Result<(Driver, Arc<Counters>), DriverError> {
    let counters = Arc::new(Counters::default());
    let driver = Driver::open(path, bounds(), 0, Arc::clone(&counters))?;
    Ok((driver, counters))
}

fn bounds() -> EngineBounds {
    EngineBounds {
        streams_max: 100,
        consumers_max: 100,
        memory_bytes_max: 0,
        sync_interval: Duration::from_secs(1),
        synced_streams: Vec::new(),
        time_shift: TimeShift::default(),
    }
}

fn ask(driver: &mut Driver, subject: &str, body: &str) -> Value {
    driver
        .request(subject, 0, body.as_bytes())
        .and_then(|answer| serde_json::from_slice(&answer).ok())
        .unwrap_or_default()
}

/// The body of a message, which needs no decoding as it holds nothing but ASCII.
fn body(driver: &mut Driver, seq: u64) -> Option<String> {
    let subject = format!("$JS.API.DIRECT.GET.{STREAM}");
    let request = format!(r#"{{"seq":{seq}}}"#);
    let answer = driver.request(&subject, 0, request.as_bytes())?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (header, body) = text.split_once("\r\n\r\n")?;
    header.contains("Nats-Sequence").then(|| body.to_owned())
}

fn apply(damage: &[u8], files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let &[which, how, high, middle, low, value] = damage else {
        return;
    };
    let at = usize::from(which) % files.len();
    let Some(path) = files.keys().nth(at).cloned() else {
        return;
    };
    let Some(bytes) = files.get_mut(&path) else {
        return;
    };
    let offset = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    let offset = offset % (bytes.len() + 1);
    let end = bytes.len().min(offset + 1 + usize::from(value));
    match how % 8 {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= value;
            }
        }
        2 => bytes.truncate(offset),
        3 => bytes[offset..end].fill(0),
        4 => bytes[offset..end].fill(0xff),
        5 => {
            let copy = bytes[offset..end].to_vec();
            bytes.splice(offset..offset, copy);
        }
        6 => {
            bytes.drain(offset..end);
        }
        _ => {
            files.remove(&path);
        }
    }
}

fn empty(path: &Path) {
    if path.exists() {
        fs::remove_dir_all(path).expect("the old store goes");
    }
}

fn collect(root: &Path, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(path).expect("the store is there") {
        let path = entry.expect("the store is there").path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let bytes = fs::read(&path).expect("the store is there");
        let path = path.strip_prefix(root).expect("it is in there").to_owned();
        files.insert(path, bytes);
    }
}
