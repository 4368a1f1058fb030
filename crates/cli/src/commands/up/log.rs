//! Log records of the process that `weft up` is.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt;

use super::error::UpError;
use super::options::{LogFormat, LogOptions};

/// Writes log records to standard error from now on.
///
/// A process has one log: where one is set up already, as in tests, that stays.
///
/// # Errors
///
/// [`UpError::LogLevel`] when the filter is not one.
pub(super) fn start(options: &LogOptions, is_terminal: bool) -> Result<(), UpError> {
    let of = |source: ParseError| UpError::LogLevel {
        filter: options.filter.clone(),
        source,
    };
    let filter = EnvFilter::builder().parse(&options.filter).map_err(of)?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match options.format {
        LogFormat::Text => builder
            .with_ansi(is_terminal && options.allows_colour)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Fails only where a log is set up already.
    drop(set);
    Ok(())
}
