//! Waiting for what a test expects.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long anything that is expected may take, on a machine that has much else to do.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `probe` gives something, up to [`DEADLINE`].
///
/// # Panics
///
/// When it does not in time, with what it saw last.
pub async fn eventually<T, S: fmt::Debug>(mut probe: impl AsyncFnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) => assert!(Instant::now() < deadline, "last seen: {seen:?}"),
        }
        sleep(PAUSE).await;
    }
}

/// Waits for `future`, up to [`DEADLINE`].
///
/// # Panics
///
/// When it does not end in time.
pub fn in_time<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Futures of whole requests are large.
    let future = Box::pin(future);
    async move {
        match timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_) => panic!("not in time"),
        }
    }
}
