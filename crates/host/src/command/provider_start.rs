//! `provider.start.{host}`. The reply says that the request was taken in; the outcome is an event.

use std::sync::Arc;

use weft_lattice::control::is_draining;
use weft_model::digest::Digest;
use weft_model::id::{ConfigName, EntityId, ProviderId};
use weft_model::labels::Annotations;
use weft_model::problem::{Coded, Problem};
use weft_model::reference::{Location, Reference};
use weft_protocol::control::{Ack, StartProvider};
use weft_protocol::event::{Data, ProviderStartFailed, ProviderStarted};
use weft_protocol::{json, wire};
use weft_runtime::field;

use super::{invalid, malformed};
use crate::builtin::{Builtin, Kind, reported_image};
use crate::claims;
use crate::component::expected_digest;
use crate::core::{Core, ReadConfigs};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse};
use crate::mailbox::{self, Address};
use crate::outlook::Outlook;
use crate::provider::{Executable, Process, Spec};
use crate::registry::{Backing, RunningProvider};

const WHAT: &str = "provider start command";
/// What events about providers tell as the name of a link.
const LINK_NAME: &str = "default";

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
    if is_draining(&intake.core.registry.labels()) {
        return Err(Refusal::Draining { id: id.to_string() });
    }
    Ok(Start {
        image: body.image().map_err(convert)?,
        configs: body.configs().map_err(convert)?,
        annotations: body.annotations.unwrap_or_default(),
        id,
    })
}

async fn run(core: &Arc<Core>, start: Start) {
    let image = reported_image(&start.image).to_owned();
    // Caught here: the request has been answered, and whoever waits for the outcome waits for an event.
    let outcome = mailbox::catch(try_run(core, &start)).await;
    let outcome = outcome.unwrap_or_else(|refusal| Err(told(&refusal)));
    match outcome {
        Ok(provider) => {
            let substitution = provider.substitution();
            tracing::info!(
                { field::PROVIDER_ID } = %start.id,
                image,
                substitution,
                "Provider started"
            );
            let started = ProviderStarted {
                host_id: core.identity.id.to_string(),
                image_ref: image,
                provider_id: start.id.to_string(),
                annotations: start.annotations,
                weft_substitution: substitution.map(str::to_owned),
                ..ProviderStarted::default()
            };
            core.publish(Data::ProviderStarted(with_claims(started, &provider)))
                .await;
        }
        Err(problem) => {
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
                link_name: LINK_NAME.to_owned(),
                ..ProviderStartFailed::default()
            };
            core.publish(Data::ProviderStartFailed(failed.with_problem(&problem)))
                .await;
        }
    }
}

/// Adds what events tell of signed providers alone (spec §2).
fn with_claims(started: ProviderStarted, provider: &RunningProvider) -> ProviderStarted {
    let Some(claims) = provider.claims() else {
        return started;
    };
    ProviderStarted {
        claims: Some(claims::provider_event(claims)),
        instance_id: Some(started.provider_id.clone()),
        public_key: Some(started.provider_id.clone()),
        link_name: Some(LINK_NAME.to_owned()),
        ..started
    }
}

/// Starts the provider, and returns it as it runs.
async fn try_run(core: &Arc<Core>, start: &Start) -> Result<RunningProvider, Problem> {
    // Asked again: a stop that came before may have failed.
    if core.registry.provider(&start.id).is_some() {
        return Err(told(&Refusal::ProviderRunning {
            provider: start.id.to_string(),
        }));
    }
    let Some(kind) = Kind::of(&start.image) else {
        return start_process(core, start).await;
    };
    let configs = read_configs(core, start).await?;
    if kind.is_built_in(&configs.merged, core.identity.stand_in) {
        start_builtin(core, start, kind, &configs).await
    } else {
        start_process(core, start).await
    }
}

async fn start_builtin(
    core: &Core,
    start: &Start,
    kind: Kind,
    configs: &ReadConfigs,
) -> Result<RunningProvider, Problem> {
    let builtin = match kind {
        Kind::HttpServer => Builtin::HttpServer,
        Kind::KeyValue(kind) => {
            let image = start.image.as_str();
            let buckets = core.databases.buckets(kind, &start.id, image).await;
            Builtin::KeyValue(buckets.map_err(|refusal| told(&refusal))?)
        }
    };
    let builtin = Arc::new(builtin);
    let provider = enter(core, start, configs, Backing::Builtin(Arc::clone(&builtin))).await?;
    // Others may call it once it has its links.
    if let Err(error) = core.servings.put_provider(&start.id, &builtin).await {
        let version = core.registry.remove_provider(&start.id);
        core.settle_registry(version).await;
        return Err(Problem::new(&error as &dyn Coded));
    }
    core.settle_calls().await;
    Ok(provider)
}

/// Starts a provider as a process of its own. It is entered before its process begins, so that the router says what it is
/// to know.
async fn start_process(core: &Arc<Core>, start: &Start) -> Result<RunningProvider, Problem> {
    let is_file = matches!(start.image.location(), Location::File(_));
    if is_file && !core.identity.file_loads.providers {
        return Err(told(&Refusal::FileLoad {
            what: "providers",
            reference: start.image.to_string(),
        }));
    }
    let expected = expected_digest(WHAT, &start.annotations).map_err(|refusal| told(&refusal))?;
    // First, as it is read quickly, and a program may be large.
    let configs = read_configs(core, start).await?;
    let executable = find(core, &start.image, expected).await?;
    if let Some(claims) = &executable.claims {
        claims::keep(core, claims).await;
    }
    let spec = Spec {
        id: start.id.clone(),
        annotations: Arc::new(start.annotations.clone()),
        executable,
    };
    let (process, seat) = Process::new(core, spec).map_err(|refusal| told(&refusal))?;
    let provider = enter(core, start, &configs, Backing::Process(Arc::new(process))).await?;
    if let Err(refusal) = seat.begin(core).await {
        let version = core.registry.remove_provider(&start.id);
        core.settle_registry(version).await;
        return Err(told(&refusal));
    }
    Ok(provider)
}

/// The program of `image`, from a file or a registry.
async fn find(
    core: &Core,
    image: &Reference,
    expected: Option<Digest>,
) -> Result<Executable, Problem> {
    let executables = &core.processes.executables;
    if matches!(image.location(), Location::Registry(_)) {
        let pull = core.pulls.begin(image);
        executables
            .pull(&core.artifacts, image, expected, pull)
            .await
    } else {
        executables.find(image, expected).await
    }
}

/// Enters the provider into what runs here, and waits until the router has acted on that.
async fn enter(
    core: &Core,
    start: &Start,
    configs: &ReadConfigs,
    backing: Backing,
) -> Result<RunningProvider, Problem> {
    let image = reported_image(&start.image);
    let record = core
        .ensure_record(&EntityId::from(&start.id), image)
        .await
        .map_err(|refusal| told(&refusal))?;
    core.settle(record, configs.revision).await;
    let provider = RunningProvider {
        image: image.into(),
        annotations: Arc::new(start.annotations.clone()),
        configs: start.configs.clone().into(),
        backing,
        problems: Arc::new([]),
    };
    let version = core
        .registry
        .put_provider(start.id.clone(), provider.clone())
        .map_err(|full| told(&Refusal::from(full)))?;
    core.settle_registry(version).await;
    Ok(provider)
}

async fn read_configs(core: &Core, start: &Start) -> Result<ReadConfigs, Problem> {
    core.read_configs(&start.configs)
        .await
        .map_err(|refusal| told(&refusal))
}

fn told(refusal: &Refusal) -> Problem {
    Problem::new(refusal as &dyn Coded)
}
