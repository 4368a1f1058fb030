//! One step: from an action to a request.

use weft_lattice::bucket::Bucket;
use weft_lattice::control::{Client, ControlError};
use weft_lattice::{RequestError, control};
use weft_model::problem::Problem;
use weft_planner::{Action, Step};
use weft_protocol::control::{ScaleComponent, StartProvider};

use super::links;
use crate::controller::{Job, StepOutcome};

/// Takes a step.
pub(super) async fn perform(
    client: &control::Client,
    records: &Bucket,
    step: &Step,
    job: &Job,
) -> StepOutcome {
    match &step.action {
        Action::SetLinks {
            source,
            expected,
            links,
        } => {
            let base = job.records.get(source).cloned().unwrap_or_default();
            if job.are_links_told {
                links::tell(client, records, source, &base, links).await
            } else {
                links::set(records, source, *expected, base, links).await
            }
        }
        action => match command(client, action).await {
            Ok(()) => StepOutcome::Done { revision: None },
            Err(error) => failure(action, &error),
        },
    }
}

/// Sends an action to a host, or, where any will do, to one of them.
async fn command(client: &Client, action: &Action) -> Result<(), ControlError> {
    match action {
        Action::PutConfig { name, values } => client.put_config(name, values).await,
        Action::DeleteConfig { name } => client.delete_config(name).await,
        Action::StartProvider {
            host,
            id,
            image,
            config,
            annotations,
            digest: _,
        } => {
            let start = StartProvider {
                provider_id: id.to_string(),
                provider_ref: image.clone(),
                host_id: host.to_string(),
                config: config.iter().map(ToString::to_string).collect(),
                annotations: Some(annotations.clone()),
            };
            client.start_provider(host, &start).await
        }
        Action::StopProvider { host, id } => client.stop_provider(host, id).await,
        // The digest stands among the annotations.
        Action::ScaleComponent {
            host,
            id,
            image,
            count,
            config,
            limits,
            annotations,
            allows_update,
            digest: _,
        } => {
            let mut scale = ScaleComponent {
                component_ref: image.clone(),
                component_id: id.to_string(),
                annotations: Some(annotations.clone()),
                instances_max: *count,
                host_id: host.to_string(),
                allow_update: *allows_update,
                ..ScaleComponent::default()
            };
            scale.set_limits(limits);
            scale.set_configs(config);
            client.scale_component(host, &scale).await.map(drop)
        }
        // Links have a module of their own.
        Action::SetLinks { .. } => Ok(()),
    }
}

fn failure(action: &Action, error: &ControlError) -> StepOutcome {
    let is_for_one_host = !matches!(
        action,
        Action::PutConfig { .. } | Action::DeleteConfig { .. }
    );
    match error {
        ControlError::Request {
            source: RequestError::NoResponders { .. },
            ..
        } if is_for_one_host => StepOutcome::HostGone,
        error => StepOutcome::Failed(
            error
                .remote_problem()
                .cloned()
                .unwrap_or_else(|| Problem::new(error)),
        ),
    }
}
