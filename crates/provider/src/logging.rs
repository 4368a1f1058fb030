//! Logs, as the host wants them.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use weft_protocol::provider::HostData;

/// What is logged when the host does not say, or says something that is no level.
const LEVEL_DEFAULT: &str = "info";

/// Logs to the standard error from now on, in text or JSON, from the level on that the host wants. A program that logs
/// already is left alone.
pub(crate) fn install(data: &HostData) {
    let level = data.log_level.as_deref().unwrap_or(LEVEL_DEFAULT);
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new(LEVEL_DEFAULT));
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It fails when there is a subscriber, which is then the program's own.
    let _ = if data.structured_logging {
        logs.json().try_init()
    } else {
        logs.with_ansi(false).try_init()
    };
}
