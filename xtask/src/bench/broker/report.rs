//! What was measured, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::acceptance::{Criterion, criteria};
use super::memory::Memory;
use super::restart::Restart;
use crate::bench::statistics::{extremes, median};

/// The measure of publishing while others have subscriptions, as it is named.
pub(super) const BESIDE: &str = "publish 1:1, 16 B, other subscriptions:";

/// The measure of memory, as it is named.
pub(super) const MEMORY: &str = "memory";

/// The measure of starts, as it is named.
pub(super) const RESTART: &str = "restart";

/// The turns of one server in one measure.
#[derive(Default)]
pub(super) struct Turns {
    /// Done per second.
    rates: Vec<f64>,
    /// Nanoseconds that the server spent on a processor for each. A busy machine changes this much less than the rate.
    cpu: Vec<f64>,
}

/// The turns of the broker and of nats-server.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) turns: [Turns; 2],
}

/// Everything.
pub(super) struct Report {
    pub(super) speed: Vec<Measured>,
    pub(super) beside: Vec<Measured>,
    pub(super) memory: Option<Memory>,
    pub(super) restarts: Vec<Restart>,
}

// ===== impl Turns =====

impl Turns {
    pub(super) fn add(&mut self, count: f64, elapsed: Duration, cpu: Duration) {
        self.rates.push(count / elapsed.as_secs_f64());
        self.cpu.push(cpu.as_secs_f64() * 1e9 / count);
    }

    fn to_json(&self) -> Value {
        json!({
            "per_second": self.rates,
            "per_second_median": median(&self.rates),
            "cpu_nanos": self.cpu,
            "cpu_nanos_median": median(&self.cpu),
        })
    }
}

// ===== impl Measured =====

impl Measured {
    /// Each round's rate of the broker, over that of nats-server in the same round.
    pub(super) fn ratios(&self) -> Vec<f64> {
        let [broker, nats_server] = &self.turns;
        let pairs = broker.rates.iter().zip(&nats_server.rates);
        pairs
            .map(|(broker, nats_server)| broker / nats_server)
            .collect()
    }

    /// Time of the broker on a processor for each message.
    pub(super) fn cpu_median(&self) -> f64 {
        median(&self.turns[0].cpu)
    }

    fn to_json(&self) -> Value {
        let ratios = self.ratios();
        let [broker, nats_server] = &self.turns;
        json!({
            "name": self.name,
            "broker": broker.to_json(),
            "nats_server": nats_server.to_json(),
            "ratio": median(&ratios),
            "ratios": ratios,
        })
    }

    fn write_row(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratios = self.ratios();
        let (least, most) = extremes(&ratios);
        let [broker, nats_server] = &self.turns;
        writeln!(
            formatter,
            "{:<46} {:>10.0} {:>12.0} {:>6.2}  {:<13} {:>8.2} {:>12.2}",
            self.name,
            median(&broker.rates),
            median(&nats_server.rates),
            median(&ratios),
            format!("{least:.2} to {most:.2}"),
            median(&broker.cpu) / 1e3,
            median(&nats_server.cpu) / 1e3,
        )
    }
}

// ===== impl Report =====

impl Report {
    pub(super) fn to_json(&self) -> Value {
        let list = |list: &[Measured]| list.iter().map(Measured::to_json).collect::<Vec<_>>();
        json!({
            "speed": list(&self.speed),
            "other_subscriptions": list(&self.beside),
            "memory": self.memory.as_ref().map(Memory::to_json),
            "restarts": self.restarts.iter().map(Restart::to_json).collect::<Vec<_>>(),
            "acceptance": criteria(self).iter().map(Criterion::to_json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.speed.len() + self.beside.len() > 0 {
            writeln!(formatter, "{:<92} CPU of a server, µs", "per second")?;
            writeln!(
                formatter,
                "{:<46} {:>10} {:>12} {:>6}  {:<13} {:>8} {:>12}",
                "", "broker", "nats-server", "ratio", "of each round", "broker", "nats-server"
            )?;
        }
        for measured in self.speed.iter().chain(&self.beside) {
            measured.write_row(formatter)?;
        }
        if let Some(memory) = &self.memory {
            writeln!(
                formatter,
                "\n{:<46} {:>10} {:>12}",
                "memory", "broker", "nats-server"
            )?;
            for [name, broker, nats_server] in memory.rows() {
                writeln!(formatter, "{name:<46} {broker:>10} {nats_server:>12}")?;
            }
        }
        let criteria = criteria(self);
        writeln!(
            formatter,
            "\n{:<58} {:>8}  {:<8}",
            "what is asked", "measured", "target"
        )?;
        for criterion in &criteria {
            writeln!(formatter, "{criterion}")?;
        }
        let holding = criteria.iter().filter(|criterion| criterion.holds());
        write!(formatter, "{} of {} hold", holding.count(), criteria.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_compare_turns_of_one_round() {
        let turns = |counts: [f64; 3]| {
            let mut turns = Turns::default();
            for count in counts {
                turns.add(count, Duration::from_secs(1), Duration::from_millis(1));
            }
            turns
        };
        let report = Report {
            speed: vec![Measured {
                name: "publish".to_owned(),
                turns: [turns([90.0, 220.0, 30.0]), turns([100.0, 200.0, 10.0])],
            }],
            beside: Vec::new(),
            memory: None,
            restarts: Vec::new(),
        };
        let json = report.to_json();
        assert_eq!(json["speed"][0]["ratio"], 1.1);
        assert_eq!(json["speed"][0]["nats_server"]["cpu_nanos"][0], 10_000.0);
        let text = report.to_string();
        assert!(text.contains("1.10  0.90 to 3.00"), "{text}");
        assert!(text.ends_with("1 of 1 hold"), "{text}");
    }
}
