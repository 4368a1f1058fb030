//! The provider as a process.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::BufReader;
use tracing::error;
use weft_model::problem::{Coded as _, render_chain};
use weft_runtime::{Tasks, field};

use crate::error::Error;
use crate::host_data::read_host_data;
use crate::life::run_with;
use crate::logging;
use crate::options::Options;
use crate::provider::Provider;
#[cfg(unix)]
use crate::signal_unix as signal;
#[cfg(windows)]
use crate::signal_windows as signal;

/// Runs a provider from the beginning to the end of its process: the whole of `main`. An error is told on the standard
/// error, and the process ends with status 1.
pub fn main<P: Provider>(provider: P) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(provider));
            // Whatever still blocks a thread is not waited for.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Error::Process(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Runs a provider with what the host tells on the standard input, until the host or a signal asks for the end.
///
/// Of the input one line is read. That the input ends says nothing: hosts of 1.9 close it after the line.
///
/// # Errors
///
/// See [`Error`].
pub async fn run<P: Provider>(provider: P) -> Result<(), Error> {
    let options = Options::default();
    let input = BufReader::new(tokio::io::stdin());
    let data = read_host_data(input, options.host_data_bytes_max).await?;
    logging::install(&data);
    let tasks = Tasks::new();
    let asked = signal::hear(&tasks).map_err(Error::Process)?;
    let result = run_with(provider, data, options, asked).await;
    tasks.drain(Duration::ZERO).await;
    result
}

fn report(error: &Error) {
    let text = render_chain(error);
    if tracing::dispatcher::has_been_set() {
        error!(
            { field::ERROR } = text,
            { field::ERROR_CODE } = error.code(),
            "Provider ends"
        );
        return;
    }
    let mut stderr = io::stderr().lock();
    // Where nobody reads it, nobody can be told.
    let _ = writeln!(stderr, "error: {text} [{}]", error.code());
    for hint in error.hints() {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
