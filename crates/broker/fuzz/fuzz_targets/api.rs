//! Requests, messages, pauses and restarts, one per line.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use weft_broker::fuzzing::Api;

thread_local! {
    static API: RefCell<Api> = RefCell::new(Api::new(&directory()));
}

fn directory() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("weft-fuzz-api-{}", std::process::id()))
}

fuzz_target!(|data: &[u8]| API.with_borrow_mut(|api| api.check(data)));
