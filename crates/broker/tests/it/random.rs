//! Numbers that are random and yet the same for the same seed.

use std::io::Write;

/// Names the seed of tests that would otherwise take another each time.
const SEED: &str = "WEFT_SEED";

/// A source of numbers (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// Begins with `WEFT_SEED`, or else with a seed of its own. Says which: tests show it when they fail.
    pub(crate) fn from_environment() -> Self {
        let seed = std::env::var(SEED).map_or_else(
            |_| u64::from(std::process::id()) ^ elapsed(),
            |text| text.parse().expect("the seed is a number"),
        );
        writeln!(std::io::stderr(), "{SEED}={seed}").unwrap();
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn elapsed() -> u64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_nanos() as u64)
}
