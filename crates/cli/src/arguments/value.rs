//! Values of arguments.

use std::net::SocketAddr;
use std::time::Duration;

/// The longest time that anything may be told to wait.
const DURATION_MAX: Duration = Duration::from_secs(7 * 86_400);

/// The longest time that anything may be valid.
const LIFETIME_MAX: Duration = Duration::from_secs(100 * 366 * 86_400);

/// Why a value is not accepted; `clap` names the argument and the value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ValueError {
    /// Not a duration.
    #[error("write a number and a unit, such as `500ms`, `30s` or `5m`")]
    Duration,
    /// No time, or more than [`DURATION_MAX`].
    #[error("it has to be more than nothing and at most 7 days")]
    DurationRange,
    /// No time, or more than [`LIFETIME_MAX`].
    #[error("it has to be at least a second and at most 100 years")]
    LifetimeRange,
    /// Not of the form `key=value`.
    #[error("write `KEY=VALUE`")]
    Pair,
    /// Not a number of bytes above zero.
    #[error("write a number of bytes above zero, such as `67108864` or `64MiB`")]
    Bytes,
    /// Not an IP address and a port.
    #[error("write an IP address and a port, such as `127.0.0.1:4222`")]
    Address,
    /// A port alone.
    #[error("write `127.0.0.1:{port}`, or another address of this machine before the port")]
    PortAlone {
        /// The port.
        port: u16,
    },
    /// Not one token of a subject.
    #[error("write a name without dots, blanks and wildcards")]
    Token,
}

/// Reads a duration: above zero, at most [`DURATION_MAX`].
pub(crate) fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let duration = humantime::parse_duration(text).map_err(|_| ValueError::Duration)?;
    if duration.is_zero() || duration > DURATION_MAX {
        return Err(ValueError::DurationRange);
    }
    Ok(duration)
}

/// Reads how long something is valid: from a second to [`LIFETIME_MAX`].
pub(crate) fn parse_lifetime(text: &str) -> Result<Duration, ValueError> {
    let lifetime = humantime::parse_duration(text).map_err(|_| ValueError::Duration)?;
    if !(Duration::from_secs(1)..=LIFETIME_MAX).contains(&lifetime) {
        return Err(ValueError::LifetimeRange);
    }
    Ok(lifetime)
}

/// Reads `key=value`, the value as it is; the key is not empty.
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), ValueError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err(ValueError::Pair),
    }
}

/// Reads `key=value`; the key is not empty.
pub(crate) fn parse_label(text: &str) -> Result<(String, String), ValueError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(ValueError::Pair),
    }
}

/// Reads a number of bytes above zero, in units of 1024 where one is written.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, ValueError> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: u64 = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(ValueError::Bytes),
    };
    let number = digits.parse::<u64>().map_err(|_| ValueError::Bytes)?;
    let bytes = number.checked_mul(factor).ok_or(ValueError::Bytes)?;
    (bytes > 0).then_some(bytes).ok_or(ValueError::Bytes)
}

/// Reads an IP address and a port.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse()
        .map_err(|_| match text.trim_start_matches(':').parse() {
            Ok(port) => ValueError::PortAlone { port },
            Err(_) => ValueError::Address,
        })
}

/// Reads one token of a NATS subject.
pub(crate) fn parse_token(text: &str) -> Result<String, ValueError> {
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>');
    if text.is_empty() || text.contains(is_odd) {
        return Err(ValueError::Token);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_bounds() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "5", "five", "-1s"] {
            assert_eq!(parse_duration(bad), Err(ValueError::Duration), "{bad:?}");
        }
        for bad in ["0s", "8d"] {
            assert_eq!(parse_duration(bad), Err(ValueError::DurationRange));
        }
    }

    #[test]
    fn users_live_longer_than_commands_wait() {
        assert_eq!(parse_lifetime("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for bad in ["0s", "500ms", "200years"] {
            assert_eq!(parse_lifetime(bad), Err(ValueError::LifetimeRange));
        }
    }

    #[test]
    fn bytes_have_units_of_1024() {
        assert_eq!(parse_bytes("268435456"), Ok(256 << 20));
        assert_eq!(parse_bytes("256MiB"), Ok(256 << 20));
        assert_eq!(parse_bytes("1 KiB"), Ok(1024));
        for bad in ["", "0", "MiB", "-1", "1MB", "1.5GiB", "99999999999999GiB"] {
            assert_eq!(parse_bytes(bad), Err(ValueError::Bytes), "{bad:?}");
        }
    }

    #[test]
    fn an_address_has_a_port_and_more() {
        let address = SocketAddr::from(([127, 0, 0, 1], 4222));
        assert_eq!(parse_address("127.0.0.1:4222"), Ok(address));
        for alone in ["4222", ":4222"] {
            let expected = ValueError::PortAlone { port: 4222 };
            assert!(expected.to_string().contains("`127.0.0.1:4222`"));
            assert_eq!(parse_address(alone), Err(expected), "{alone}");
        }
        for bad in ["", "here", "127.0.0.1", "localhost:4222", "70000"] {
            assert_eq!(parse_address(bad), Err(ValueError::Address), "{bad:?}");
        }
    }

    #[test]
    fn a_domain_is_one_token() {
        assert_eq!(parse_token("hub"), Ok("hub".to_owned()));
        for bad in ["", "a.b", "a b", "*", "a>"] {
            assert_eq!(parse_token(bad), Err(ValueError::Token), "{bad:?}");
        }
    }

    #[test]
    fn a_label_has_a_key() {
        assert_eq!(
            parse_label("zone=eu=1"),
            Ok(("zone".to_owned(), "eu=1".to_owned()))
        );
        assert_eq!(parse_label("zone="), Ok(("zone".to_owned(), String::new())));
        for bad in ["", "zone", "=x", " =x"] {
            assert_eq!(parse_label(bad), Err(ValueError::Pair), "{bad:?}");
        }
    }
}
