//! The safety floor: what one component may use of a host.
//!
//! Every limit has a default, may be overridden by a manifest, and is never above the host's maximum.

use std::time::Duration;

/// What one component may use. All bounds are inclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of all linear memories of one instance together.
    pub memory_bytes_max: u64,
    /// Elements of all tables of one instance together.
    pub table_elements_max: u64,
    /// Time from the start of a call to its end, streaming included.
    pub call_duration_max: Duration,
    /// Time a call may run guest code.
    pub call_cpu_max: Duration,
    /// Bytes of the body of one answer to an HTTP request.
    pub response_body_bytes_max: u64,
    /// How many calls deep a chain of calls between components may be when it reaches this component.
    pub call_depth_max: u32,
    /// How many calls may wait for a free instance.
    pub queue_length_max: u32,
    /// How long a call may wait for a free instance.
    pub queue_duration_max: Duration,
}

/// Limits that a manifest or a control message asks for; `None` keeps the default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LimitOverrides {
    /// See [`Limits::memory_bytes_max`].
    pub memory_bytes_max: Option<u64>,
    /// See [`Limits::table_elements_max`].
    pub table_elements_max: Option<u64>,
    /// See [`Limits::call_duration_max`].
    pub call_duration_max: Option<Duration>,
    /// See [`Limits::call_cpu_max`].
    pub call_cpu_max: Option<Duration>,
    /// See [`Limits::response_body_bytes_max`].
    pub response_body_bytes_max: Option<u64>,
    /// See [`Limits::call_depth_max`].
    pub call_depth_max: Option<u32>,
    /// See [`Limits::queue_length_max`].
    pub queue_length_max: Option<u32>,
    /// See [`Limits::queue_duration_max`].
    pub queue_duration_max: Option<Duration>,
}

// ===== impl Limits =====

impl Limits {
    /// The defaults of every component.
    pub const DEFAULT: Self = Self {
        memory_bytes_max: 256 << 20,
        table_elements_max: 200_000,
        call_duration_max: Duration::from_secs(600),
        call_cpu_max: Duration::from_secs(10),
        response_body_bytes_max: 1 << 30,
        call_depth_max: 16,
        queue_length_max: 1024,
        queue_duration_max: Duration::from_secs(10),
    };

    /// What a host grants at most unless its settings say otherwise.
    pub const HOST_MAX: Self = Self {
        memory_bytes_max: 4 << 30,
        table_elements_max: 2_000_000,
        call_duration_max: Duration::from_secs(24 * 3600),
        call_cpu_max: Duration::from_secs(3600),
        response_body_bytes_max: 1 << 40,
        call_depth_max: 64,
        queue_length_max: 65_536,
        queue_duration_max: Duration::from_secs(600),
    };

    /// These limits with `overrides` put over them, each cut at `host_max`.
    #[must_use]
    pub fn with(self, overrides: &LimitOverrides, host_max: &Self) -> Self {
        fn pick<T: Ord + Copy>(default: T, wanted: Option<T>, max: T) -> T {
            wanted.unwrap_or(default).min(max)
        }
        Self {
            memory_bytes_max: pick(
                self.memory_bytes_max,
                overrides.memory_bytes_max,
                host_max.memory_bytes_max,
            ),
            table_elements_max: pick(
                self.table_elements_max,
                overrides.table_elements_max,
                host_max.table_elements_max,
            ),
            call_duration_max: pick(
                self.call_duration_max,
                overrides.call_duration_max,
                host_max.call_duration_max,
            ),
            call_cpu_max: pick(
                self.call_cpu_max,
                overrides.call_cpu_max,
                host_max.call_cpu_max,
            ),
            response_body_bytes_max: pick(
                self.response_body_bytes_max,
                overrides.response_body_bytes_max,
                host_max.response_body_bytes_max,
            ),
            call_depth_max: pick(
                self.call_depth_max,
                overrides.call_depth_max,
                host_max.call_depth_max,
            ),
            queue_length_max: pick(
                self.queue_length_max,
                overrides.queue_length_max,
                host_max.queue_length_max,
            ),
            queue_duration_max: pick(
                self.queue_duration_max,
                overrides.queue_duration_max,
                host_max.queue_duration_max,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_stands_up_to_the_maximum_of_the_host() {
        let host_max = Limits {
            call_depth_max: 20,
            ..Limits::HOST_MAX
        };
        let overrides = LimitOverrides {
            memory_bytes_max: Some(1 << 20),
            call_depth_max: Some(30),
            ..LimitOverrides::default()
        };
        let limits = Limits::DEFAULT.with(&overrides, &host_max);
        assert_eq!(limits.memory_bytes_max, 1 << 20);
        assert_eq!(limits.call_depth_max, 20);
        assert_eq!(limits.call_cpu_max, Limits::DEFAULT.call_cpu_max);
    }
}
