//! Settings of the client of registries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::credentials::Credential;

/// Settings of the client of registries. Names of registries are as they stand in references, with their port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// Whether `latest`, and a reference without a tag, may be pulled. Default: no.
    pub allows_latest: bool,
    /// Registries that are spoken to over plain HTTP. Default: none.
    pub insecure: BTreeSet<String>,
    /// Files with certificates of authorities, in PEM, that are trusted beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// Credentials by registry, from the flags of the host.
    pub credentials: BTreeMap<String, Credential>,
    /// The `config.json` of Docker, for registries that have no credentials otherwise. A missing file is an empty one.
    pub docker_config: Option<PathBuf>,
    /// How long a connection may take to be made. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long a registry may be silent, before and within an answer. Default: 30 s.
    pub idle_timeout: Duration,
    /// How long a pull may take in all. Default: 15 min.
    pub pull_timeout: Duration,
    /// How often something is tried that fails in passing. Default: 4.
    pub attempts_max: u32,
    /// The pause before the second attempt; it doubles with each. Default: 250 ms.
    pub retry_pause: Duration,
    /// The longest pause, also where a registry asks for a longer one. Default: 20 s.
    pub retry_pause_max: Duration,
    /// Pulls at once. Default: 4.
    pub pulls_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allows_latest: false,
            insecure: BTreeSet::new(),
            ca_files: Vec::new(),
            credentials: BTreeMap::new(),
            docker_config: None,
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            pull_timeout: Duration::from_secs(15 * 60),
            attempts_max: 4,
            retry_pause: Duration::from_millis(250),
            retry_pause_max: Duration::from_secs(20),
            pulls_max: 4,
        }
    }
}
