//! Asking the provider's own code, which may fail in every way.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::time::timeout;

use crate::error::BoxError;

/// Why a method of the provider came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    /// It says so.
    #[error("the provider refuses it")]
    Failed(#[source] BoxError),
    /// It took too long.
    #[error("the provider was not done within {} ms", limit.as_millis())]
    TimedOut { limit: Duration },
    /// It panicked.
    #[error("the provider panicked: {text}")]
    Panicked { text: String },
}

/// Runs a method of the provider for at most `limit`.
pub(crate) async fn run<T, E: Into<BoxError>>(
    limit: Duration,
    method: impl Future<Output = Result<T, E>>,
) -> Result<T, HookError> {
    match timeout(limit, AssertUnwindSafe(method).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(HookError::Failed(error.into())),
        Ok(Err(panic)) => Err(HookError::Panicked {
            text: text_of(panic.as_ref()),
        }),
        Err(_) => Err(HookError::TimedOut { limit }),
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no text").to_owned()
}
