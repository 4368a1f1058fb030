//! What the process uses, as Linux tells it.

use std::fs;
use std::time::Instant;

/// What `sysconf(_SC_CLK_TCK)` gives on every Linux that there is.
const TICKS_PER_SECOND: f64 = 100.0;
/// The place of the first of the two times in `/proc/self/stat`, after the name of the program.
const TIMES_FIELD: usize = 11;

/// What the process uses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    pub(crate) memory_bytes: u64,
    /// Of one processor, since the sample before.
    pub(crate) cpu_percent: f64,
}

/// Takes samples.
#[derive(Debug)]
pub(crate) struct Usage {
    taken: Instant,
    ticks: u64,
}

// ===== impl Usage =====

impl Usage {
    pub(crate) fn new() -> Self {
        Self {
            taken: Instant::now(),
            ticks: read_ticks().unwrap_or_default(),
        }
    }

    pub(crate) fn sample(&mut self) -> Sample {
        let ticks = read_ticks().unwrap_or(self.ticks);
        let seconds = self.taken.elapsed().as_secs_f64();
        let busy = ticks.saturating_sub(self.ticks) as f64 / TICKS_PER_SECOND;
        self.ticks = ticks;
        self.taken = Instant::now();
        Sample {
            memory_bytes: read_memory().unwrap_or_default(),
            cpu_percent: if seconds > 0.0 {
                (busy / seconds * 1000.0).round() / 10.0
            } else {
                0.0
            },
        }
    }
}

fn read_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn read_ticks() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold anything, parentheses too.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(TIMES_FIELD);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
