//! Showing how far a transfer is.

use std::sync::Arc;

use tokio::sync::watch as channel;
use weft_artifact::FetchError;
use weft_artifact::progress::{Progress, Step};

use super::error::ArtifactError;
use crate::console::Console;
use crate::ui::{render_bytes, render_elapsed};

/// Passes the last step on.
struct Teller(channel::Sender<Option<Step>>);

/// Runs a transfer of `what` to its end, and shows on a terminal how far it is.
///
/// # Errors
///
/// What the transfer fails with; [`ArtifactError::Interrupted`] where somebody interrupts it.
pub(crate) async fn watch<T>(
    what: &str,
    console: &mut Console,
    transfer: impl AsyncFnOnce(Arc<dyn Progress>) -> Result<T, FetchError>,
) -> Result<T, ArtifactError> {
    let (sender, mut steps) = channel::channel(None);
    let transfer = transfer(Arc::new(Teller(sender)));
    tokio::pin!(transfer);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            done = &mut transfer => return done.map_err(ArtifactError::Fetch),
            Ok(()) = steps.changed() => {
                let step = *steps.borrow_and_update();
                if let Some(step) = step {
                    console.progress(&describe(what, step));
                }
            }
            _ = &mut interrupted => {
                return Err(ArtifactError::Interrupted { what: what.to_owned() });
            }
        }
    }
}

fn describe(what: &str, step: Step) -> String {
    let part = |verb: &str, bytes: u64, total: u64| {
        let percent = (u128::from(bytes) * 100)
            .checked_div(u128::from(total))
            .unwrap_or(100);
        let (bytes, total) = (render_bytes(bytes), render_bytes(total));
        format!("{verb} {what}: {bytes} of {total}, {percent} %")
    };
    match step {
        Step::Downloading { bytes, total } => part("pulling", bytes, total),
        Step::Uploading { bytes, total } => part("pushing", bytes, total),
        Step::Waiting => format!("waiting for another process that pulls {what}"),
        Step::Retrying { attempt, pause } => {
            let pause = render_elapsed(pause);
            format!("attempt {attempt} failed, trying {what} again in {pause}")
        }
        _ => format!("asking the registry for {what}"),
    }
}

// ===== impl Teller =====

impl Progress for Teller {
    fn report(&self, _: &str, step: Step) {
        self.0.send_replace(Some(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_with_what_is_known() {
        let step = Step::Downloading {
            bytes: 1 << 20,
            total: 2 << 20,
        };
        let told = describe("a/b:1", step);
        assert!(
            told.starts_with("pulling a/b:1: 1") && told.ends_with("50 %"),
            "{told}"
        );
        let empty = Step::Uploading { bytes: 0, total: 0 };
        assert!(describe("x", empty).ends_with("100 %"));
    }
}
