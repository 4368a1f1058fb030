//! The load: one run of `wrk`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::install;
use crate::process::{Process, find_program};

/// Sees to it that `wrk` is there.
pub(super) fn ensure_installed() -> Result<()> {
    match find_program("wrk") {
        Some(_) => Ok(()),
        None => install::ensure_debian_packages(&["wrk"], "wrk, which makes the load, is needed"),
    }
}

/// Asks `url` over `connections` connections for as long as `duration`, and returns answers per second.
///
/// # Errors
///
/// When a request failed or was not answered with success: then the number would mean nothing.
pub(super) fn run(url: &str, duration: Duration, connections: u32) -> Result<f64> {
    let text = Process::new("wrk")
        .args(["--threads", "1", "--connections"])
        .arg(connections.to_string())
        .arg("--duration")
        .arg(format!("{}s", duration.as_secs()))
        .arg(url)
        .read()?;
    parse(&text).with_context(|| format!("the load on {url}"))
}

fn parse(text: &str) -> Result<f64> {
    for line in text.lines().map(str::trim) {
        if line.starts_with("Non-2xx") || line.starts_with("Socket errors") {
            bail!("{line}");
        }
    }
    let number = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Requests/sec:"))
        .context("wrk does not say how many requests were answered")?;
    number
        .trim()
        .parse()
        .with_context(|| format!("`{number}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 4s test @ http://127.0.0.1:8080
  1 threads and 32 connections
  329812 requests in 4.00s, 31.45MB read
Requests/sec:  82451.20
Transfer/sec:      7.86MB
";

    #[test]
    fn the_rate_is_read() {
        assert!(parse(GOOD).unwrap().total_cmp(&82_451.2).is_eq());
    }

    #[test]
    fn a_run_with_failures_is_none() {
        for line in [
            "  Non-2xx or 3xx responses: 12",
            "  Socket errors: connect 0, read 3, write 0, timeout 0",
        ] {
            let error = parse(&format!("{line}\n{GOOD}")).unwrap_err();
            assert_eq!(error.to_string(), line.trim());
        }
        assert!(parse("").is_err());
    }
}
