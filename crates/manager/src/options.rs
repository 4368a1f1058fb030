//! Settings of a manager.

use std::time::Duration;

use crate::error::StartError;

/// The longest id of a manager, in bytes.
pub const ID_BYTES_MAX: usize = 256;

/// Settings of a manager. [`Options::new`] gives the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The id of the manager: visible ASCII, 1 to [`ID_BYTES_MAX`] bytes. Kept by the caller in its locked data directory,
    /// so that a manager that starts again takes its lease back at once.
    pub id: String,
    /// How often everything is looked at anew although nothing changed, and hosts are looked for. Default: 30 s.
    pub period: Duration,
    /// How long hosts are waited for before the first plan, at the start and after taking the lease. Default: 300 ms.
    pub discovery_window: Duration,
    /// How often hosts are expected to tell what they run, until their own rhythm is known. A host that was not heard of
    /// for 2.5 times that is gone. Default: 30 s.
    pub heartbeat_interval: Duration,
    /// How long after its last renewal the lease holds. Default: 10 s.
    pub lease_duration: Duration,
    /// How often the lease is renewed; less than half of its duration. Default: 3 s.
    pub lease_renewal: Duration,
    /// How long another manager is waited for when it is asked whether the application API is answered. Default: 1 s.
    pub probe_timeout: Duration,
    /// How long after a command its effect is waited for before it is sent again. Default: 60 s.
    pub command_timeout: Duration,
    /// The pause after the first failure of something, doubled with each further one. Default: 1 s.
    pub retry_delay_min: Duration,
    /// The longest pause between two attempts. Default: 60 s.
    pub retry_delay_max: Duration,
    /// How many commands of one phase of a plan are under way at once. Default: 16.
    pub commands_concurrent_max: usize,
    /// How many hosts are asked for their inventories at once. Default: 16.
    pub inventories_concurrent_max: usize,
    /// How many API requests are worked on at once. Default: 16.
    pub requests_concurrent_max: usize,
    /// How many API requests may wait; more are refused. Default: 1,024.
    pub requests_waiting_max: usize,
    /// How many events may wait to be read; where more come, hosts are asked instead. Default: 4,096.
    pub events_waiting_max: usize,
    /// The largest manifest that is stored, in bytes of JSON. The largest message that the NATS server takes bounds it
    /// too. Default: 1,000,000.
    pub manifest_bytes_max: usize,
    /// How many versions of one application are kept. Default: 100.
    pub versions_max: usize,
    /// How many applications are kept. Default: 1,000.
    pub applications_max: usize,
    /// How long a version that no application refers to is kept: somebody may just be putting it. Default: 10 min.
    pub orphan_age: Duration,
}

// ===== impl Options =====

impl Options {
    /// The defaults for the manager `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            period: Duration::from_secs(30),
            discovery_window: Duration::from_millis(300),
            heartbeat_interval: Duration::from_secs(30),
            lease_duration: Duration::from_secs(10),
            lease_renewal: Duration::from_secs(3),
            probe_timeout: Duration::from_secs(1),
            command_timeout: Duration::from_secs(60),
            retry_delay_min: Duration::from_secs(1),
            retry_delay_max: Duration::from_secs(60),
            commands_concurrent_max: 16,
            inventories_concurrent_max: 16,
            requests_concurrent_max: 16,
            requests_waiting_max: 1024,
            events_waiting_max: 4096,
            manifest_bytes_max: 1_000_000,
            versions_max: 100,
            applications_max: 1000,
            orphan_age: Duration::from_secs(600),
        }
    }

    /// Checks what a type cannot say.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let refuse = |setting, reason| Err(StartError::Setting { setting, reason });
        let is_id = (1..=ID_BYTES_MAX).contains(&self.id.len())
            && self.id.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_id {
            return refuse("id", "is not 1 to 256 visible ASCII characters");
        }
        if self.lease_renewal.is_zero() || self.lease_renewal * 2 >= self.lease_duration {
            return refuse("lease-renewal", "is not less than half of `lease-duration`");
        }
        for (setting, duration) in [
            ("period", self.period),
            ("heartbeat-interval", self.heartbeat_interval),
            ("command-timeout", self.command_timeout),
            ("retry-delay-min", self.retry_delay_min),
        ] {
            if duration.is_zero() {
                return refuse(setting, "is zero");
            }
        }
        for (setting, number) in [
            ("commands-concurrent-max", self.commands_concurrent_max),
            (
                "inventories-concurrent-max",
                self.inventories_concurrent_max,
            ),
            ("requests-concurrent-max", self.requests_concurrent_max),
            ("versions-max", self.versions_max),
            ("applications-max", self.applications_max),
        ] {
            if number == 0 {
                return refuse(setting, "is zero");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        assert!(Options::new("m1").check().is_ok());
        for id in ["", "a b", "ä", &"x".repeat(257)] {
            assert!(Options::new(id).check().is_err(), "{id:?}");
        }
        let mut options = Options::new("m1");
        options.lease_renewal = options.lease_duration / 2;
        let error = options.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the setting `lease-renewal` is not less than half of `lease-duration`"
        );
    }
}
