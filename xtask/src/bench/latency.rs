//! How long a start takes, and how long a deployment takes until its first answer.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

use super::Built;
use super::manifest::{self, APPLICATION};
use super::servers::free_address;
use super::statistics::{extremes, median};
use crate::http::Client;
use crate::node::Node;
use crate::terminal::say;

/// How long the first answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Milliseconds of each start.
pub(super) struct Latency {
    /// From the start of the process until it is ready, its data directory there from before.
    start_up: Vec<f64>,
    /// From the start of `weft app deploy` until the first answer, its component compiled before.
    deploy: Vec<f64>,
}

/// Starts a node, deploys, asks and stops, as often as `starts` after once that does not count.
pub(super) fn measure(built: &Built, starts: u32) -> Result<Latency> {
    let address = free_address()?;
    let manifest = manifest::write(&built.directory, &built.component, address)?;
    let url = format!("http://{address}/");
    let data_dir = built.directory.join("latency");
    let log = built.directory.join("latency.log");
    let client = Client::new();
    let mut latency = Latency {
        start_up: Vec::new(),
        deploy: Vec::new(),
    };
    say(format_args!("timing {starts} starts"));
    for start in 0..=starts {
        let node = Node::start(&built.weft, &data_dir, &log)?;
        let begun = Instant::now();
        let mut deploying = node.start_deploy(&manifest)?;
        client.wait_for(&url, PATIENCE, |answer| answer.status == 200)?;
        let deployed = begun.elapsed();
        deploying.wait()?;
        if start > 0 {
            latency.start_up.push(millis(node.start_up));
            latency.deploy.push(millis(deployed));
        }
        node.weft(&["app", "delete", "--yes", APPLICATION])?;
        client.wait_until_gone(&url, PATIENCE)?;
        node.stop()?;
    }
    Ok(latency)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

// ===== impl Latency =====

impl Latency {
    fn rows(&self) -> [(&'static str, &'static str, &[f64]); 2] {
        [
            ("start_up_ms", "`weft up` until ready", &self.start_up),
            ("deploy_ms", "deploy until first answer", &self.deploy),
        ]
    }

    pub(super) fn to_json(&self) -> Value {
        let rows = self.rows().map(|(key, _, times)| {
            let (least, most) = extremes(times);
            let row = json!({ "median": median(times), "least": least, "most": most });
            (key.to_owned(), row)
        });
        Value::Object(rows.into_iter().collect())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<28} {:>8} {:>8} {:>8}",
            format!("milliseconds, {} times", self.start_up.len()),
            "median",
            "least",
            "most"
        )?;
        for (_, name, times) in self.rows() {
            let (least, most) = extremes(times);
            writeln!(
                formatter,
                "{name:<28} {:>8.0} {least:>8.0} {most:>8.0}",
                median(times)
            )?;
        }
        Ok(())
    }
}
