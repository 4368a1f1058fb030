//! Taking over what changed in files: users, and certificates.
//!
//! The files are looked at once a second. That works on every system, sees files that were replaced as a whole, and
//! needs neither a signal nor a socket for whoever changes them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::auth::{AuthError, Gate};
use crate::client::CloseReason;
use crate::listener::Shared;
use crate::tls::Acceptor;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// What is read from files.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) gate: Option<Arc<Gate>>,
    pub(crate) acceptors: Vec<Arc<Acceptor>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Files {
    pub(crate) fn is_empty(&self) -> bool {
        self.gate.is_none() && self.acceptors.is_empty()
    }

    /// Takes over what changed, and cuts whoever may not be connected any more. An error tells that the list of users
    /// cannot be read, and the one of before stays. So do certificates that cannot be read, which is logged.
    pub(crate) async fn reload(&self, shared: &Shared) -> Result<(), AuthError> {
        let files = self.clone();
        let read = move || {
            for acceptor in &files.acceptors {
                match acceptor.reload() {
                    Ok(false) => {}
                    Ok(true) => tracing::info!("Certificates were replaced"),
                    Err(error) => tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "Certificates cannot be read, those of before stay"
                    ),
                }
            }
            files.gate.as_ref().map_or(Ok(false), |gate| gate.reload())
        };
        // A panic in there leaves everything as it was.
        let have_users_changed = tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Ok(false))?;
        if have_users_changed && let Some(gate) = &self.gate {
            tracing::info!("List of users was changed");
            for client in shared.clients() {
                let identity = client.identity.get();
                if identity.is_some_and(|identity| !gate.is_current(identity)) {
                    client.dismiss("User Authentication Revoked", CloseReason::AuthEnded);
                }
            }
        }
        Ok(())
    }

    /// Does so every second, until `stop` is set.
    pub(crate) async fn reload_until_stopped(
        self,
        shared: Arc<Shared>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                _ = period.tick() => {
                    if let Err(error) = self.reload(&shared).await {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "Users cannot be read, those of before stay"
                        );
                    }
                }
            }
        }
    }
}
