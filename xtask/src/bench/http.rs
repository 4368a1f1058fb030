//! Answers per second of servers that take turns.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::servers::{self, Server};
use super::statistics::{extremes, median};
use super::{Built, wrk};
use crate::terminal::say;

/// A turn of each server before any counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// Answers per second of each server, round by round.
pub(super) struct Throughput {
    /// The first is the measure.
    servers: Vec<Measured>,
    connections: u32,
}

struct Measured {
    name: &'static str,
    /// Answers per second, by round.
    rates: Vec<f64>,
}

/// Lets every server have its turn in every round.
pub(super) fn measure(
    built: &Built,
    rounds: u32,
    turn: Duration,
    connections: u32,
) -> Result<Throughput> {
    let servers = servers::start(built)?;
    let mut measured: Vec<Measured> = servers
        .iter()
        .map(|server| Measured {
            name: server.name,
            rates: Vec::new(),
        })
        .collect();
    let take_turn = |server: &Server, duration| {
        wrk::run(&server.url, duration, connections).with_context(|| server.name)
    };
    for server in &servers {
        take_turn(server, WARM_UP)?;
    }
    for round in 1..=rounds {
        say(format_args!("round {round} of {rounds}"));
        for (server, measured) in servers.iter().zip(&mut measured) {
            measured.rates.push(take_turn(server, turn)?);
        }
    }
    Ok(Throughput {
        servers: measured,
        connections,
    })
}

// ===== impl Throughput =====

impl Throughput {
    /// Each round's rate of a server, over that of the measure in the same round.
    fn ratios(&self, server: &Measured) -> Vec<f64> {
        let measure = self.servers.first().map_or(&[][..], |first| &first.rates);
        let rates = server.rates.iter().zip(measure);
        rates.map(|(rate, measure)| rate / measure).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let servers = self.servers.iter().map(|server| {
            let ratios = self.ratios(server);
            json!({
                "name": server.name,
                "requests_per_second": server.rates,
                "median": median(&server.rates),
                "ratio": median(&ratios),
                "ratios": ratios,
            })
        });
        json!({ "connections": self.connections, "servers": servers.collect::<Vec<_>>() })
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<24} {:>12} {:>8}  of each round",
            format!("{} connections", self.connections),
            "requests/s",
            "ratio"
        )?;
        for server in &self.servers {
            let ratios = self.ratios(server);
            let (least, most) = extremes(&ratios);
            writeln!(
                formatter,
                "{:<24} {:>12.0} {:>8.2}  {least:.2} to {most:.2}",
                server.name,
                median(&server.rates),
                median(&ratios),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_turns_of_one_round() {
        let throughput = Throughput {
            servers: vec![
                Measured {
                    name: "measure",
                    rates: vec![100.0, 200.0],
                },
                Measured {
                    name: "other",
                    rates: vec![50.0, 100.0],
                },
            ],
            connections: 32,
        };
        let json = throughput.to_json();
        assert_eq!(json["servers"][1]["ratio"], 0.5);
        assert_eq!(json["servers"][1]["median"], 75.0);
        let text = throughput.to_string();
        assert!(text.contains("0.50  0.50 to 0.50"), "{text}");
    }
}
