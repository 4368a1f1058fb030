//! `provider.start.{host}`. The reply says that the request was taken in; the outcome is an event.

use std::sync::Arc;

use weft_model::id::{ConfigName, EntityId, ProviderId};
use weft_model::labels::Annotations;
use weft_model::problem::{Coded, Problem};
use weft_model::reference::Reference;
use weft_protocol::control::{Ack, StartProvider};
use weft_protocol::event::{Data, ProviderStartFailed, ProviderStarted};
use weft_protocol::{json, wire};
use weft_runtime::field;

use super::{invalid, malformed};
use crate::builtin::{Builtin, Kind, reported_image};
use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse};
use crate::mailbox::{self, Address};
use crate::outlook::Outlook;
use crate::registry::RunningProvider;

const WHAT: &str = "provider start command";

struct Start {
    id: ProviderId,
    image: Reference,
    configs: Vec<ConfigName>,
    annotations: Annotations,
}

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let start = match read(intake, &request) {
        Ok(start) => start,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(start.id.to_string());
    let job = async move { run(&core, start).await };
    let ack = Ack::done(wire::text::PROVIDER_STARTED);
    intake
        .push(
            &request,
            Work::acknowledged(address, ack, job).leading_to(Outlook::provider(true)),
        )
        .await;
}

fn read(intake: &Intake, request: &ControlRequest) -> Result<Start, Refusal> {
    let body: StartProvider =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    let convert = |error| invalid(WHAT, &error);
    let id = body.provider().map_err(convert)?;
    if intake.expects_provider(&id) {
        return Err(Refusal::ProviderRunning {
            provider: id.to_string(),
        });
    }
    Ok(Start {
        image: body.image().map_err(convert)?,
        configs: body.configs().map_err(convert)?,
        annotations: body.annotations.unwrap_or_default(),
        id,
    })
}

async fn run(core: &Core, start: Start) {
    let image = reported_image(&start.image).to_owned();
    // Caught here: the request has been answered, and whoever waits for the outcome waits for an event.
    let outcome = mailbox::catch(try_run(core, &start)).await;
    match outcome.and_then(|outcome| outcome) {
        Ok(substitution) => {
            tracing::info!(
                { field::PROVIDER_ID } = %start.id,
                image,
                substitution,
                "Provider started"
            );
            core.publish(Data::ProviderStarted(ProviderStarted {
                host_id: core.identity.id.to_string(),
                image_ref: image,
                provider_id: start.id.to_string(),
                annotations: start.annotations,
                weft_substitution: substitution.map(str::to_owned),
                ..ProviderStarted::default()
            }))
            .await;
        }
        Err(refusal) => {
            let problem = Problem::new(&refusal as &dyn Coded);
            tracing::warn!(
                { field::PROVIDER_ID } = %start.id,
                { field::ERROR } = %problem,
                { field::ERROR_CODE } = %problem.code,
                "Provider did not start"
            );
            let failed = ProviderStartFailed {
                provider_ref: start.image.to_string(),
                provider_id: start.id.to_string(),
                host_id: core.identity.id.to_string(),
                link_name: "default".to_owned(),
                ..ProviderStartFailed::default()
            };
            core.publish(Data::ProviderStartFailed(failed.with_problem(&problem)))
                .await;
        }
    }
}

/// Starts the provider; returns what stands in for the backend that the image means, if something does.
async fn try_run(core: &Core, start: &Start) -> Result<Option<&'static str>, Refusal> {
    // Asked again: a stop that came before may have failed.
    if core.registry.provider(&start.id).is_some() {
        return Err(Refusal::ProviderRunning {
            provider: start.id.to_string(),
        });
    }
    let kind = Kind::of(&start.image)?;
    let configs = core.read_configs(&start.configs).await?;
    kind.check(&start.image, &configs.merged, core.identity.stand_in)?;
    let builtin = match kind {
        Kind::HttpServer => Builtin::HttpServer,
        Kind::KeyValue(kind) => Builtin::KeyValue(
            core.databases
                .buckets(kind, &start.id, start.image.as_str())
                .await?,
        ),
    };
    let image = reported_image(&start.image);
    let record = core
        .ensure_record(&EntityId::from(&start.id), image)
        .await?;
    core.settle(record, configs.revision).await;
    let provider = RunningProvider {
        image: image.into(),
        annotations: Arc::new(start.annotations.clone()),
        configs: start.configs.clone().into(),
        builtin: Arc::new(builtin),
        problems: Arc::new([]),
    };
    let substitution = provider.substitution();
    let version = core.registry.put_provider(start.id.clone(), provider)?;
    core.settle_registry(version).await;
    Ok(substitution)
}
