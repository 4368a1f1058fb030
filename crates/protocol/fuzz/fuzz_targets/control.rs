//! Any bytes as requests to hosts, their answers, and what hosts and providers tell each other.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_protocol::fuzzing::control(data));
