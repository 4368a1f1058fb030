//! The lease under which a manager acts (architecture D7).

use std::fmt;
use std::str::FromStr;

/// The longest epoch that is accepted, in bytes.
pub const EPOCH_BYTES_MAX: usize = 64;

/// The lease that a manager holds, sent in the header [`wire::header::LEASE`](crate::wire::header::LEASE) of its
/// mutations, in the form `{epoch}:{counter}`.
///
/// A header serves every operation alike, also `config.put`, whose body is the config itself. Requests without one come
/// from other clients and are accepted. Counters are compared within one epoch only.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Lease {
    epoch: String,
    counter: u64,
}

/// A text is no lease.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a lease is written `epoch:counter`: 1 to {EPOCH_BYTES_MAX} letters, digits and hyphens, and a decimal number"
)]
pub struct ParseLeaseError;

// ===== impl Lease =====

impl Lease {
    /// The lease with number `counter` of `epoch`.
    ///
    /// # Errors
    ///
    /// [`ParseLeaseError`] when `epoch` has other characters than ASCII letters, digits and hyphens, or a wrong length.
    pub fn new(epoch: &str, counter: u64) -> Result<Self, ParseLeaseError> {
        let is_epoch = (1..=EPOCH_BYTES_MAX).contains(&epoch.len())
            && epoch
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_epoch {
            return Err(ParseLeaseError);
        }
        Ok(Self {
            epoch: epoch.to_owned(),
            counter,
        })
    }

    /// The random text made with the bucket that holds the lease.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The number of takeovers within the epoch.
    pub fn counter(&self) -> u64 {
        self.counter
    }
}

impl FromStr for Lease {
    type Err = ParseLeaseError;

    fn from_str(text: &str) -> Result<Self, ParseLeaseError> {
        let (epoch, counter) = text.split_once(':').ok_or(ParseLeaseError)?;
        if !counter.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseLeaseError);
        }
        Self::new(epoch, counter.parse().map_err(|_| ParseLeaseError)?)
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_parses_what_it_renders() {
        let lease = Lease::new("01J9ZK-x", u64::MAX).unwrap();
        assert_eq!(lease.to_string().parse(), Ok(lease));
        for bad in [
            "",
            ":",
            "a",
            "a:",
            ":1",
            "a:-1",
            "a:+1",
            "a:1:2",
            "a b:1",
            "a:18446744073709551616",
        ] {
            assert!(bad.parse::<Lease>().is_err(), "{bad:?} was accepted");
        }
        assert!(Lease::new(&"x".repeat(EPOCH_BYTES_MAX + 1), 1).is_err());
    }
}
