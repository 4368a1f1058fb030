//! Calls between two hosts over NATS, against plain requests over the same server.

mod target;

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use self::target::{Bound, Target};
use super::servers::{Killed, free_address};
use super::statistics::{extremes, median};
use crate::guests::{self, Selection};
use crate::process::{Process, cargo, find_program};
use crate::terminal::say;
use crate::workspace::Workspace;

/// How long nats-server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is streamed in each round, in megabytes.
const STREAM_MEGABYTES: u32 = 64;
/// What is streamed once to see what memory it takes, in megabytes.
const LONG_STREAM_MEGABYTES: u32 = 1000;

/// What is compared; the first is the measure. The second name is what `bench_peer` calls it.
const CALLS: [(&str, &str); 3] = [
    ("NATS request", "raw"),
    ("single message", "single"),
    ("1.9 form", "plain"),
];
const STREAMS: [(&str, &str); 2] = [("NATS publish", "raw"), ("stream", "stream")];
/// What each of [`CALLS`] is to reach of the measure; the measure itself has no target.
const CALL_TARGETS: [Option<f64>; 3] = [None, Some(0.8), Some(0.3)];
/// What a stream is to reach of plain publishing.
const STREAM_TARGET: f64 = 0.7;
/// How much more memory an end may take while a long stream crosses, in megabytes.
const GROWTH_TARGET: f64 = 32.0;
/// The component that calls itself on another host.
const GUEST: &str = "chain";

/// How much is measured.
pub(super) struct Plan {
    pub(super) rounds: u32,
    pub(super) turn: Duration,
    pub(super) concurrency: u32,
    pub(super) payload: u32,
    /// Whether components are measured as well, which takes a build of the engine.
    pub(super) has_components: bool,
}

/// What was measured.
pub(super) struct Calls {
    concurrency: u32,
    payload: u32,
    /// Many calls at once, then one at a time.
    many: Vec<Measured>,
    one: Vec<Measured>,
    /// Megabytes per second.
    streams: Vec<Measured>,
    memory: Memory,
    /// Many calls at once from component to component, then one at a time.
    components: Vec<Measured>,
}

struct Measured {
    name: &'static str,
    /// By round.
    rates: Vec<f64>,
    /// Median and 99th percentile in microseconds, by round.
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// What a long stream takes, in bytes; `None` where the system does not tell.
struct Memory {
    receiver_before: Option<u64>,
    receiver_peak: Option<u64>,
    /// Of a short stream, and of the long one.
    sender_before: Option<u64>,
    sender_peak: Option<u64>,
}

/// The two programs that everything runs between, stopped when dropped.
struct Stage {
    peer: PathBuf,
    url: String,
    host: Killed,
    /// The program that runs components, and what is served by another one.
    components: Option<(Components, Killed)>,
    _server: Killed,
}

/// What runs components.
struct Components {
    program: PathBuf,
    guest: PathBuf,
}

/// Builds what is measured and lets every way to call have its turn in every round.
pub(super) fn measure(workspace: &Workspace, plan: &Plan) -> Result<Calls> {
    let peer = build(workspace, "weft-wrpc", "bench_peer")?;
    let components = if plan.has_components {
        Some(build_components(workspace)?)
    } else {
        None
    };
    let stage = Stage::start(peer, components)?;
    let warm_up = Duration::from_millis(500);
    for (_, form) in CALLS {
        stage.call(form, plan.payload, plan.concurrency, warm_up)?;
    }
    let (mut many, mut one) = (CALLS.map(Measured::new), CALLS.map(Measured::new));
    let mut streams = STREAMS.map(Measured::new);
    let mut components = Vec::new();
    if plan.has_components {
        stage.call_components(plan.concurrency, warm_up)?;
        let names = ["components, many at once", "components, one at a time"];
        components.extend(names.map(|name| Measured::new((name, ""))));
    }
    for round in 1..=plan.rounds {
        say(format_args!("round {round} of {}", plan.rounds));
        for (measured, (_, form)) in many.iter_mut().zip(CALLS) {
            measured.push(&stage.call(form, plan.payload, plan.concurrency, plan.turn)?)?;
        }
        for (measured, (_, form)) in one.iter_mut().zip(CALLS) {
            measured.push(&stage.call(form, plan.payload, 1, plan.turn / 2)?)?;
        }
        for (measured, (_, form)) in streams.iter_mut().zip(STREAMS) {
            let sent = stage.send(form, STREAM_MEGABYTES)?;
            let rate = number(&sent, "bytes_per_second")?;
            measured.rates.push(rate / 1e6);
        }
        for (measured, concurrency) in components.iter_mut().zip([plan.concurrency, 1]) {
            measured.push(&stage.call_components(concurrency, plan.turn / 2)?)?;
        }
    }
    Ok(Calls {
        concurrency: plan.concurrency,
        payload: plan.payload,
        many: many.into(),
        one: one.into(),
        streams: streams.into(),
        memory: stage.measure_memory()?,
        components,
    })
}

fn build(workspace: &Workspace, package: &str, example: &str) -> Result<PathBuf> {
    say(format_args!(
        "building `{example}`, as what it measures is shipped"
    ));
    Process::new(cargo())
        .args(["build", "--release", "--package", package])
        .args(["--example", example])
        .directory(workspace.root())
        .run()?;
    let examples = workspace.target().join("release/examples");
    Ok(examples.join(example))
}

fn build_components(workspace: &Workspace) -> Result<Components> {
    let selection = Selection {
        only: [GUEST.to_owned()].into(),
        ..Selection::default()
    };
    let built = guests::build(workspace, &selection)?;
    let guest = built.components.get(GUEST).cloned();
    Ok(Components {
        program: build(workspace, "weft-capabilities", "bench_components")?,
        guest: guest.context("the guest was not built")?,
    })
}

fn number(value: &Value, name: &str) -> Result<f64> {
    let number = value[name].as_f64();
    number.with_context(|| format!("`bench_peer` gave no `{name}`"))
}

/// A line of `/proc/{process}/status`, in bytes.
fn memory(process: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let found = status.lines().find_map(|found| found.strip_prefix(line))?;
    let kibibytes: u64 = found.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

// ===== impl Stage =====

impl Stage {
    fn start(peer: PathBuf, components: Option<Components>) -> Result<Self> {
        let program = find_program("nats-server")
            .or_else(|| Some(PathBuf::from("/usr/sbin/nats-server")).filter(|path| path.exists()))
            .context("there is no `nats-server` on the PATH")?;
        let address = free_address()?;
        let server = Command::new(program)
            .args(["-a", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run `nats-server`")?;
        let server = Killed(server);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                bail!("`nats-server` does not listen");
            }
            thread::sleep(Duration::from_millis(10));
        }
        let url = format!("nats://{address}");
        let host = serve(Command::new(&peer).args(["serve", &url]))?;
        let components = match components {
            Some(components) => {
                let mut command = Command::new(&components.program);
                command.args(["serve", &url]).arg(&components.guest);
                let serving = serve(&mut command)?;
                Some((components, serving))
            }
            None => None,
        };
        Ok(Self {
            peer,
            url,
            host,
            components,
            _server: server,
        })
    }

    fn call_components(&self, concurrency: u32, turn: Duration) -> Result<Value> {
        let (components, _) = self
            .components
            .as_ref()
            .context("components are not measured")?;
        let text = Process::new(&components.program)
            .args(["call", &self.url])
            .arg(&components.guest)
            .args([&concurrency.to_string(), &turn.as_millis().to_string()])
            .read()?;
        serde_json::from_str(&text).context("cannot read what `bench_components` wrote")
    }

    fn call(&self, form: &str, payload: u32, concurrency: u32, turn: Duration) -> Result<Value> {
        let turn = turn.as_millis().to_string();
        let (payload, concurrency) = (payload.to_string(), concurrency.to_string());
        self.run(&["call", &self.url, form, &payload, &concurrency, &turn])
    }

    fn send(&self, form: &str, megabytes: u32) -> Result<Value> {
        self.run(&["send", &self.url, form, &megabytes.to_string()])
    }

    fn run(&self, arguments: &[&str]) -> Result<Value> {
        let text = Process::new(&self.peer).args(arguments).read()?;
        serde_json::from_str(&text).context("cannot read what `bench_peer` wrote")
    }

    fn measure_memory(&self) -> Result<Memory> {
        say("one long stream");
        let host = self.host.0.id();
        let short = self.send("stream", STREAM_MEGABYTES)?;
        let receiver_before = memory(host, "VmHWM:");
        let sent = self.send("stream", LONG_STREAM_MEGABYTES)?;
        Ok(Memory {
            receiver_before,
            receiver_peak: memory(host, "VmHWM:"),
            sender_before: short["peak_bytes"].as_u64(),
            sender_peak: sent["peak_bytes"].as_u64(),
        })
    }
}

/// Starts a program that says when it is ready.
fn serve(command: &mut Command) -> Result<Killed> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run a program of the bench")?;
    let mut child = Killed(child);
    let output = child
        .0
        .stdout
        .take()
        .context("a program of the bench has no stdout")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() == "ready" {
        return Ok(child);
    }
    bail!("a program of the bench ended before it was ready");
}

// ===== impl Measured =====

impl Measured {
    fn new((name, _): (&'static str, &str)) -> Self {
        Self {
            name,
            rates: Vec::new(),
            p50: Vec::new(),
            p99: Vec::new(),
        }
    }

    fn push(&mut self, measured: &Value) -> Result<()> {
        self.rates.push(number(measured, "per_second")?);
        self.p50.push(number(measured, "p50_us")?);
        self.p99.push(number(measured, "p99_us")?);
        Ok(())
    }

    /// Each round's rate over that of the measure in the same round.
    fn ratios(&self, measure: &Self) -> Vec<f64> {
        let rates = self.rates.iter().zip(&measure.rates);
        rates.map(|(rate, measure)| rate / measure).collect()
    }
}

// ===== impl Calls =====

impl Calls {
    /// What was to be reached.
    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (measured, least) in self.many.iter().zip(CALL_TARGETS) {
            if let (Some(measure), Some(least)) = (self.many.first(), least) {
                targets.push(Target {
                    name: format!("{} over {}", measured.name, measure.name),
                    measured: Some(median(&measured.ratios(measure))),
                    bound: Bound::AtLeast(least),
                    times: Some((median(&measured.p50), median(&measured.p99))),
                });
            }
        }
        if let [measure, measured] = self.streams.as_slice() {
            targets.push(Target {
                name: format!(
                    "{} over {}, {STREAM_MEGABYTES} MB",
                    measured.name, measure.name
                ),
                measured: Some(median(&measured.ratios(measure))),
                bound: Bound::AtLeast(STREAM_TARGET),
                times: None,
            });
        }
        let growth = |before: Option<u64>, after: Option<u64>| {
            Some(after?.saturating_sub(before?) as f64 / 1e6)
        };
        let memory = &self.memory;
        let ends = [
            ("receiver", memory.receiver_before, memory.receiver_peak),
            ("sender", memory.sender_before, memory.sender_peak),
        ];
        for (end, before, after) in ends {
            targets.push(Target {
                name: format!("memory of the {end}, {LONG_STREAM_MEGABYTES} MB"),
                measured: growth(before, after),
                bound: Bound::AtMost(GROWTH_TARGET),
                times: None,
            });
        }
        targets
    }

    pub(super) fn to_json(&self) -> Value {
        let group = |group: &[Measured]| -> Value {
            let one = |measured: &Measured| {
                let ratios = group.first().map(|first| measured.ratios(first));
                let ratios = ratios.unwrap_or_default();
                json!({
                    "name": measured.name,
                    "rates": measured.rates,
                    "median": median(&measured.rates),
                    "p50_us": median(&measured.p50),
                    "p99_us": median(&measured.p99),
                    "ratio": median(&ratios),
                    "ratios": ratios,
                })
            };
            group.iter().map(one).collect()
        };
        json!({
            "concurrency": self.concurrency,
            "payload_bytes": self.payload,
            "calls": group(&self.many),
            "calls_one_at_a_time": group(&self.one),
            "megabytes_per_second": group(&self.streams),
            "components": group(&self.components),
            "targets": self.targets().iter().map(Target::to_json).collect::<Vec<_>>(),
            "long_stream": {
                "receiver_before_bytes": self.memory.receiver_before,
                "receiver_peak_bytes": self.memory.receiver_peak,
                "sender_before_bytes": self.memory.sender_before,
                "sender_peak_bytes": self.memory.sender_peak,
            },
        })
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = format!("{} calls at once, {} bytes", self.concurrency, self.payload);
        fmt_group(f, &many, "calls/s", &self.many)?;
        fmt_group(f, "one call at a time", "calls/s", &self.one)?;
        let stream = format!("{STREAM_MEGABYTES} MB");
        fmt_group(f, &stream, "MB/s", &self.streams)?;
        let megabytes = |bytes: Option<u64>| {
            bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{}", bytes / 1_000_000))
        };
        writeln!(
            f,
            "a stream of {LONG_STREAM_MEGABYTES} MB: the receiver's peak went from {} to {} MB, the sender's from {} to {} MB\n",
            megabytes(self.memory.receiver_before),
            megabytes(self.memory.receiver_peak),
            megabytes(self.memory.sender_before),
            megabytes(self.memory.sender_peak),
        )?;
        for measured in &self.components {
            writeln!(
                f,
                "{:<32} {:>10.0} calls/s, p50 {:.0} µs, p99 {:.0} µs",
                measured.name,
                median(&measured.rates),
                median(&measured.p50),
                median(&measured.p99),
            )?;
        }
        writeln!(f, "\n{:<44} {:>8} {:>10}", "target", "measured", "is to be")?;
        for target in self.targets() {
            writeln!(f, "{target}")?;
        }
        Ok(())
    }
}

fn fmt_group(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    unit: &str,
    group: &[Measured],
) -> fmt::Result {
    writeln!(
        f,
        "{title:<32} {unit:>10} {:>9} {:>9} {:>6}  of each round",
        "p50 µs", "p99 µs", "ratio"
    )?;
    let Some(measure) = group.first() else {
        return Ok(());
    };
    for measured in group {
        let ratios = measured.ratios(measure);
        let (least, most) = extremes(&ratios);
        writeln!(
            f,
            "{:<32} {:>10.0} {:>9.0} {:>9.0} {:>6.2}  {least:.2} to {most:.2}",
            measured.name,
            median(&measured.rates),
            median(&measured.p50),
            median(&measured.p99),
            median(&ratios),
        )?;
    }
    writeln!(f)
}
