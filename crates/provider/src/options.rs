//! Bounds of a provider.

use std::time::Duration;

/// Bounds of a provider, and how patient it is. Fields may be added: begin with [`Options::default`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The longest line of host data, in bytes. Default 12 MiB.
    pub host_data_bytes_max: usize,
    /// How long [`Provider::init`](crate::Provider::init) may take. Default 60 s.
    pub init_timeout: Duration,
    /// How long the provider may take to act on a link or a config; what takes longer is given up and logged, so that it
    /// does not hold up what follows. Default 60 s.
    pub hook_timeout: Duration,
    /// How long [`Provider::health`](crate::Provider::health) may take; what takes longer is told as unhealthy.
    /// Default 1.5 s: a host asks for 2 s.
    pub health_timeout: Duration,
    /// How many calls run at once; callers of Weft are told when there are more, those of 1.9 wait. Default 256.
    pub concurrent_calls_max: usize,
    /// How long one call may run. Default 600 s.
    pub call_timeout: Duration,
    /// How long calls that run may go on once the host asks for the end. Default 25 s: hosts of Weft wait for 30 s. Those
    /// of 1.9 wait for 0.3 s, unless they are told otherwise, and kill the process then.
    pub drain_timeout: Duration,
    /// How long they may go on after a signal to end. Default 4 s: hosts of Weft send SIGKILL 5 s after SIGTERM.
    pub signal_timeout: Duration,
    /// How long [`Provider::shutdown`](crate::Provider::shutdown) may take. Default 3 s.
    pub shutdown_timeout: Duration,
    /// How much of what calls have sent and nobody has consumed is held, in bytes. Default 256 MiB.
    pub buffer_bytes_max: usize,
}

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            host_data_bytes_max: 12 << 20,
            init_timeout: Duration::from_secs(60),
            hook_timeout: Duration::from_secs(60),
            health_timeout: Duration::from_millis(1500),
            concurrent_calls_max: 256,
            call_timeout: Duration::from_secs(600),
            drain_timeout: Duration::from_secs(25),
            signal_timeout: Duration::from_secs(4),
            shutdown_timeout: Duration::from_secs(3),
            buffer_bytes_max: 256 << 20,
        }
    }
}
