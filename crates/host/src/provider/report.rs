//! Telling the lattice, and the log, what becomes of the process of a provider.

use std::time::Duration;

use weft_protocol::event::{Data, HealthCheck, ProviderProcess};
use weft_runtime::field;

use super::supervision::{Exit, Fact};
use super::supervisor::Spec;
use crate::core::Core;

/// Tells `fact` about the provider of `spec`, which was started again `restarts` times.
pub(super) async fn tell(core: &Core, spec: &Spec, restarts: u64, fact: Fact) {
    let id = &spec.id;
    let event = |reason: String| ProviderProcess {
        host_id: core.identity.id.to_string(),
        provider_id: id.to_string(),
        annotations: (*spec.annotations).clone(),
        reason,
        restarts,
        ..ProviderProcess::default()
    };
    let health = || HealthCheck {
        host_id: core.identity.id.to_string(),
        provider_id: id.to_string(),
    };
    let data = match fact {
        Fact::Died { exit, pause } => {
            tracing::warn!({ field::PROVIDER_ID } = %id, %exit, ?pause, restarts, "Provider died");
            Data::ProviderDied(with_exit(event(exit.to_string()), &exit, pause))
        }
        Fact::CrashLoop {
            exit,
            short_lives,
            pause,
        } => {
            tracing::error!({ field::PROVIDER_ID } = %id, %exit, ?pause, short_lives, "Provider dies over and over");
            let reason = format!("died {short_lives} times in a row soon after its start: {exit}");
            Data::ProviderCrashLoop(with_exit(event(reason), &exit, pause))
        }
        Fact::Restarted => {
            tracing::info!({ field::PROVIDER_ID } = %id, restarts, "Provider started again");
            Data::ProviderRestarted(event("started again after it died".to_owned()))
        }
        Fact::Hangs => {
            tracing::warn!({ field::PROVIDER_ID } = %id, "Provider does not answer, and is started again");
            Data::ProviderHangs(event("does not answer health requests".to_owned()))
        }
        Fact::HealthPassed => {
            tracing::debug!({ field::PROVIDER_ID } = %id, "Provider is well");
            Data::HealthCheckPassed(health())
        }
        Fact::HealthFailed => {
            tracing::warn!({ field::PROVIDER_ID } = %id, "Provider is not well any more");
            Data::HealthCheckFailed(health())
        }
        Fact::HealthStatus => Data::HealthCheckStatus(health()),
    };
    core.publish(data).await;
}

fn with_exit(event: ProviderProcess, exit: &Exit, pause: Duration) -> ProviderProcess {
    let (exit_status, signal) = match exit {
        Exit::Status(status) => (Some(*status), None),
        Exit::Signal(signal) => (None, Some(*signal)),
        Exit::Unknown | Exit::NotSpawned { .. } => (None, None),
    };
    ProviderProcess {
        exit_status,
        signal,
        next_attempt_ms: u64::try_from(pause.as_millis()).ok(),
        ..event
    }
}
