//! Any bytes as a value of any type, in pieces of any lengths.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_wrpc::fuzzing::codec(data));
