//! How long the broker takes to start on much that is stored, killed as soon as it was.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::load;
use super::servers::{Kind, Programs, Sync};

/// Messages that are stored.
const MESSAGES: usize = 1_000_000;

/// Subjects that they have.
const SUBJECTS: [usize; 2] = [1, 100_000];

/// Starts of which the longest counts: the first comes after the kill.
const STARTS: usize = 3;

/// Starts on a million messages.
pub(super) struct Restart {
    subjects: usize,
    starts: Vec<Duration>,
}

/// Measures from the start of the process until it answers.
pub(super) fn measure(programs: &Programs) -> Result<Vec<Restart>> {
    SUBJECTS
        .into_iter()
        .map(|subjects| measure_one(programs, subjects).context("restart"))
        .collect()
}

fn measure_one(programs: &Programs, subjects: usize) -> Result<Restart> {
    let name = format!("restart-{subjects}");
    let start = || programs.start(Kind::Broker, Sync::Default, &name);
    let server = start()?;
    load::fill(server.address, MESSAGES, subjects)?;
    // Kills it.
    drop(server);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let server = start()?;
        starts.push(begun.elapsed());
        load::check_filled(server.address, MESSAGES)?;
    }
    Ok(Restart { subjects, starts })
}

// ===== impl Restart =====

impl Restart {
    pub(super) fn name(&self) -> String {
        format!("start on {MESSAGES} messages, {} subjects", self.subjects)
    }

    pub(super) fn longest(&self) -> Duration {
        self.starts.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        let millis = self.starts.iter().map(|start| start.as_secs_f64() * 1e3);
        json!({
            "name": self.name(),
            "messages": MESSAGES,
            "subjects": self.subjects,
            "start_ms": millis.collect::<Vec<_>>(),
        })
    }
}
