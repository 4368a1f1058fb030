//! Any bytes as a client's, in reads of any lengths.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| weft_broker::fuzzing::parser(data));
