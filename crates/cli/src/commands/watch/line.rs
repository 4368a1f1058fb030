//! What events are about, and what they tell in a line.

use weft_lattice::protocol::event::Data;

use crate::ui::{count, render_pairs};

/// The ids of components and providers that `data` is about.
pub(super) fn parts_of(data: &Data) -> Vec<&str> {
    match data {
        Data::ComponentScaled(data) => vec![data.component_id.as_str()],
        Data::ComponentScaleFailed(data) => vec![data.component_id.as_str()],
        Data::ProviderStarted(data) => vec![data.provider_id.as_str()],
        Data::ProviderStartFailed(data) => vec![data.provider_id.as_str()],
        Data::ProviderStopped(data) => vec![data.provider_id.as_str()],
        Data::HealthCheckPassed(data)
        | Data::HealthCheckFailed(data)
        | Data::HealthCheckStatus(data) => vec![data.provider_id.as_str()],
        Data::ProviderDied(data)
        | Data::ProviderRestarted(data)
        | Data::ProviderCrashLoop(data)
        | Data::ProviderHangs(data) => vec![data.provider_id.as_str()],
        Data::LinkSet(data) => vec![data.source_id.as_str(), data.target.as_str()],
        Data::LinkSetFailed(data) => vec![data.source_id.as_str(), data.target.as_str()],
        Data::LinkDeleted(data) => {
            let target = data.target.as_deref();
            [Some(data.source_id.as_str()), target]
                .into_iter()
                .flatten()
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The id of the host that `data` names itself.
pub(super) fn hosts_of(data: &Data) -> Option<&str> {
    Some(match data {
        Data::LabelsChanged(data) => data.host_id.as_str(),
        Data::ComponentScaled(data) => data.host_id.as_str(),
        Data::ComponentScaleFailed(data) => data.host_id.as_str(),
        Data::ProviderStarted(data) => data.host_id.as_str(),
        Data::ProviderStartFailed(data) => data.host_id.as_str(),
        Data::ProviderStopped(data) => data.host_id.as_str(),
        _ => return None,
    })
}

/// What `data` tells, in a line.
pub(super) fn describe(data: &Data) -> String {
    match data {
        Data::HostStarted(data) => format!("host started, version {}", data.version),
        Data::HostStopped(_) => "host stopped".to_owned(),
        Data::HostHeartbeat(data) => format!(
            "runs {} and {}",
            count(data.components.len(), "component"),
            count(data.providers.len(), "provider")
        ),
        Data::LabelsChanged(data) => format!("labels are {}", render_pairs(&data.labels)),
        Data::ComponentScaled(data) if data.max_instances == 0 => {
            format!("component `{}` stopped", data.component_id)
        }
        Data::ComponentScaled(data) => format!(
            "component `{}` runs {} at once, from {}",
            data.component_id,
            count(
                usize::try_from(data.max_instances).unwrap_or(usize::MAX),
                "call"
            ),
            data.image_ref
        ),
        Data::ComponentScaleFailed(data) => {
            format!("component `{}` failed: {}", data.component_id, data.error)
        }
        Data::LinkSet(data) => format!(
            "link `{}` -> `{}` put, {}:{}/{} ({})",
            data.source_id,
            data.target,
            data.wit_namespace,
            data.wit_package,
            data.interfaces.join(","),
            data.name
        ),
        Data::LinkSetFailed(data) => format!(
            "link `{}` -> `{}` refused: {}",
            data.source_id, data.target, data.error
        ),
        Data::LinkDeleted(data) => format!(
            "link of `{}` deleted, {}:{} ({})",
            data.source_id, data.wit_namespace, data.wit_package, data.name
        ),
        Data::ConfigSet(data) => format!("config `{}` put", data.config_name),
        Data::ConfigDeleted(data) => format!("config `{}` deleted", data.config_name),
        Data::ArtifactPulling(data) => format!("pull of {}: {}", data.image_ref, data.step),
        Data::Unknown { data, .. } => data.to_string(),
        other => describe_provider(other),
    }
}

fn describe_provider(data: &Data) -> String {
    match data {
        Data::ProviderStarted(data) => {
            format!(
                "provider `{}` started, from {}",
                data.provider_id, data.image_ref
            )
        }
        Data::ProviderStartFailed(data) => {
            format!("provider `{}` failed: {}", data.provider_id, data.error)
        }
        Data::ProviderStopped(data) => format!("provider `{}` stopped", data.provider_id),
        Data::HealthCheckPassed(data) => format!("provider `{}` is healthy", data.provider_id),
        Data::HealthCheckFailed(data) => {
            format!("provider `{}` is not healthy", data.provider_id)
        }
        Data::HealthCheckStatus(data) => {
            format!("provider `{}` is as it was", data.provider_id)
        }
        Data::ProviderDied(data) => {
            format!("provider `{}` died: {}", data.provider_id, data.reason)
        }
        Data::ProviderRestarted(data) => format!(
            "provider `{}` runs again, after {}",
            data.provider_id,
            count(
                usize::try_from(data.restarts).unwrap_or(usize::MAX),
                "restart"
            )
        ),
        Data::ProviderCrashLoop(data) => format!(
            "provider `{}` dies over and over: {}",
            data.provider_id, data.reason
        ),
        Data::ProviderHangs(data) => {
            format!("provider `{}` hangs: {}", data.provider_id, data.reason)
        }
        other => other.name().to_owned(),
    }
}
