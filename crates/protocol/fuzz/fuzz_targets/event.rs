//! Any bytes as an event.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_protocol::fuzzing::event(data));
