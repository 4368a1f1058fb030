//! Work that takes a processor for a while.

use std::panic;

/// The size of a manifest from which on reading it is not done in between, in bytes.
const LARGE_BYTES: usize = 32 << 10;

/// Does work on something of so many bytes: where that takes a while, on a thread of its own, so that the lease is renewed
/// meanwhile.
pub(crate) async fn run<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < LARGE_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            // The runtime is shut down, and nobody reads what would be returned.
            Err(_) => std::future::pending().await,
        },
    }
}
