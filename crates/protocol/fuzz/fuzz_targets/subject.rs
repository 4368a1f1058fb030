//! Any text as a subject or key.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_protocol::fuzzing::subject(data));
