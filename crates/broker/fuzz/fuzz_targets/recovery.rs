//! A store with damaged files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_broker::fuzzing::Recovery;

thread_local! {
    static RECOVERY: Recovery = Recovery::new(&directory());
}

fn directory() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("weft-fuzz-recovery-{}", std::process::id()))
}

fuzz_target!(|data: &[u8]| {
    RECOVERY.with(|recovery| {
        recovery.check(data);
    });
});
