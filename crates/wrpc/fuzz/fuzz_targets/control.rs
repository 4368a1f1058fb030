//! Any text as the subjects and headers of a call.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_wrpc::fuzzing::control(data));
