//! What is asked of the broker, and whether this run shows that it holds.

use std::fmt;

use serde_json::{Value, json};

use super::memory::Memory;
use super::report::{Measured, Report};
use super::restart::Restart;
use crate::bench::statistics::median;

/// Least rate of the broker over that of nats-server.
const RATIO_MIN: f64 = 0.9;

/// Requests and replies are to be quicker.
const REQUEST_RATIO_MIN: f64 = 1.0;

/// Most time on a processor that a publish takes beside the most subscriptions, over that beside the fewest.
const GROWTH_MAX: f64 = 1.25;

const IDLE_MEBIBYTES_MAX: f64 = 8.0;
const CONNECTION_KIBIBYTES_MAX: f64 = 10.0;
const START_SECONDS_MAX: f64 = 1.0;

/// One thing that is asked.
#[derive(Debug)]
pub(super) struct Criterion {
    name: String,
    measured: f64,
    bound: Bound,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    Above(f64),
    AtMost(f64),
}

/// All that this run can tell, in the order in which it was measured.
pub(super) fn criteria(report: &Report) -> Vec<Criterion> {
    let mut criteria: Vec<Criterion> = report.speed.iter().map(of_speed).collect();
    criteria.extend(report.beside.iter().map(of_speed));
    criteria.extend(of_growth(&report.beside));
    criteria.extend(report.memory.iter().flat_map(of_memory));
    criteria.extend(report.restarts.iter().map(of_restart));
    criteria
}

fn of_speed(measured: &Measured) -> Criterion {
    let bound = if measured.name.starts_with("request") {
        Bound::Above(REQUEST_RATIO_MIN)
    } else {
        Bound::AtLeast(RATIO_MIN)
    };
    Criterion {
        name: format!("{}, ratio", measured.name),
        measured: median(&measured.ratios()),
        bound,
    }
}

fn of_growth(beside: &[Measured]) -> Option<Criterion> {
    let (fewest, most) = (beside.first()?, beside.last()?);
    Some(Criterion {
        name: "CPU of a publish, most over fewest subscriptions".to_owned(),
        measured: most.cpu_median() / fewest.cpu_median(),
        bound: Bound::AtMost(GROWTH_MAX),
    })
}

fn of_memory(memory: &Memory) -> [Criterion; 2] {
    [
        Criterion {
            name: "idle memory beyond the process, MiB".to_owned(),
            measured: memory.idle_mebibytes(),
            bound: Bound::AtMost(IDLE_MEBIBYTES_MAX),
        },
        Criterion {
            name: "memory of an idle connection, KiB".to_owned(),
            measured: memory.connection_kibibytes(),
            bound: Bound::AtMost(CONNECTION_KIBIBYTES_MAX),
        },
    ]
}

fn of_restart(restart: &Restart) -> Criterion {
    Criterion {
        name: format!("{}, s", restart.name()),
        measured: restart.longest().as_secs_f64(),
        bound: Bound::AtMost(START_SECONDS_MAX),
    }
}

// ===== impl Criterion =====

impl Criterion {
    pub(super) fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.measured >= bound,
            Bound::Above(bound) => self.measured > bound,
            Bound::AtMost(bound) => self.measured <= bound,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "measured": self.measured,
            "target": self.bound.to_string(),
            "holds": self.holds(),
        })
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds() { "pass" } else { "FAIL" };
        write!(
            formatter,
            "{:<58} {:>8.2}  {:<8} {verdict}",
            self.name,
            self.measured,
            self.bound.to_string()
        )
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(formatter, ">= {bound}"),
            Self::Above(bound) => write!(formatter, "> {bound}"),
            Self::AtMost(bound) => write!(formatter, "<= {bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_holds_up_to_itself() {
        let holds = |measured, bound| {
            let name = String::new();
            Criterion {
                name,
                measured,
                bound,
            }
            .holds()
        };
        assert!(holds(0.9, Bound::AtLeast(0.9)) && !holds(0.89, Bound::AtLeast(0.9)));
        assert!(holds(1.01, Bound::Above(1.0)) && !holds(1.0, Bound::Above(1.0)));
        assert!(holds(8.0, Bound::AtMost(8.0)) && !holds(8.1, Bound::AtMost(8.0)));
        // What was not measured does not hold.
        assert!(!holds(f64::NAN, Bound::AtLeast(0.9)) && !holds(f64::NAN, Bound::AtMost(1.0)));
    }
}
