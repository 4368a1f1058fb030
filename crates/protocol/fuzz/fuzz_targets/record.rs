//! Any bytes as what is kept in the buckets of a lattice.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_protocol::fuzzing::record(data));
