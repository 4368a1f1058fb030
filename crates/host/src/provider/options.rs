//! Settings of provider processes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use weft_protocol::provider::OtelConfig;

pub use super::supervision::Policy;

/// Settings of provider processes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many may run at once.
    pub processes_max: usize,
    /// The largest executable, in bytes.
    pub executable_bytes_max: u64,
    /// Bytes of executables that are kept in the data directory; those used least recently go first.
    pub executables_bytes_max: u64,
    /// How long a provider that is asked to stop may take to finish what it has under way.
    pub drain_timeout: Duration,
    /// How they are supervised.
    pub policy: Policy,
    /// The NATS server that they connect to.
    pub rpc_url: String,
    /// The NATS user that they connect as; `None` connects as nobody.
    pub user: Option<User>,
    /// How long they wait for answers to calls of theirs.
    pub rpc_timeout: Duration,
    /// Their log level, also in `RUST_LOG`.
    pub log_level: String,
    /// Whether they log in JSON.
    pub logs_json: bool,
    /// Where they send telemetry.
    pub otel: OtelConfig,
    /// Their environment beside `RUST_LOG`: the variables of this process that begin with `OTEL_` (spec §5.1).
    pub environment: BTreeMap<String, String>,
}

/// A NATS user. Prints without its seed.
#[derive(Clone)]
pub struct User {
    /// The JWT of the user.
    pub jwt: String,
    /// The seed of its key.
    pub seed: String,
}

// ===== impl Options =====

impl Options {
    /// The defaults, for processes that connect to `rpc_url`.
    pub fn new(rpc_url: String) -> Self {
        Self {
            processes_max: 100,
            executable_bytes_max: 1 << 30,
            executables_bytes_max: 4 << 30,
            drain_timeout: Duration::from_secs(30),
            policy: Policy::default(),
            rpc_url,
            user: None,
            rpc_timeout: Duration::from_secs(2),
            log_level: "info".to_owned(),
            logs_json: false,
            otel: OtelConfig::default(),
            environment: BTreeMap::new(),
        }
    }
}

// ===== impl User =====

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("User(redacted)")
    }
}
