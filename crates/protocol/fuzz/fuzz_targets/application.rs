//! Any bytes as what managers and their clients say to each other.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_protocol::fuzzing::application(data));
