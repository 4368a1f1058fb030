//! Names for people.

const QUALITIES: [&str; 32] = [
    "amber", "bold", "brisk", "calm", "clear", "crisp", "dawn", "deft", "early", "fair", "fleet",
    "fresh", "gentle", "golden", "grand", "green", "hardy", "keen", "light", "lively", "mellow",
    "noble", "plain", "quick", "quiet", "ready", "silver", "steady", "swift", "vivid", "warm",
    "wise",
];
const THINGS: [&str; 32] = [
    "anvil", "beacon", "birch", "bobbin", "bridge", "cedar", "cliff", "comet", "delta", "ember",
    "falcon", "fjord", "forge", "harbor", "heron", "island", "lantern", "loom", "maple", "meadow",
    "otter", "pebble", "pine", "quarry", "reed", "ridge", "river", "shuttle", "spindle", "thread",
    "tide", "willow",
];

/// A name for the host with `id`; the same for the same id, likely another for another.
pub(crate) fn friendly_name(id: &str) -> String {
    // FNV-1a: enough to pick words.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let pick = |words: &[&'static str; 32], shift: u32| {
        words[usize::try_from(hash >> shift & 31).unwrap_or(0)]
    };
    format!(
        "{}-{}-{:04}",
        pick(&QUALITIES, 20),
        pick(&THINGS, 30),
        (hash >> 40) % 10_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_keeps_its_name() {
        assert_eq!(friendly_name("NABC"), friendly_name("NABC"));
        assert_ne!(friendly_name("NABC"), friendly_name("NABD"));
    }
}
