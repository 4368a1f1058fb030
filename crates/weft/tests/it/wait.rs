//! Waiting for conditions.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take on a machine that does much else.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked.
const PERIOD: Duration = Duration::from_millis(20);

/// Looks until `look` finds something. It tells what it saw where it does not, which is shown when it took too long.
pub(crate) fn wait_until<T, S: Debug>(what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => {
                panic!("{what}: not within {DEADLINE:?}, last seen: {seen:?}")
            }
            Err(_) => thread::sleep(PERIOD),
        }
    }
}
