//! Builds guests, runs the demo, the checks and the benches of Weft.

fn main() {}
