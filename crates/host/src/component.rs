//! Scaling a component: from not running to running, to another size or image, and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_artifact::claims::Claims;
use weft_artifact::{Artifact, Component};
use weft_capabilities::config::Config as LiveConfig;
use weft_engine::{Code, Program};
use weft_model::digest::Digest;
use weft_model::id::{ComponentId, ConfigName, EntityId};
use weft_model::labels::Annotations;
use weft_model::limits::LimitOverrides;
use weft_model::problem::{Coded, Problem, render_chain};
use weft_model::reference::{Location, Reference};
use weft_protocol::event::{ComponentScaleFailed, ComponentScaled, Data};
use weft_protocol::wire;
use weft_runtime::field;

use crate::claims;
use crate::core::Core;
use crate::error::Refusal;
use crate::mailbox;
use crate::registry::RunningComponent;

const WHAT: &str = "component scale command";
/// How long calls of other hosts that were delivered may take to be begun when a component stops.
pub(crate) const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a component is to be.
pub(crate) struct Scale {
    pub(crate) id: ComponentId,
    /// May be absent when the component is to stop.
    pub(crate) image: Option<Reference>,
    pub(crate) configs: Vec<ConfigName>,
    pub(crate) limits: LimitOverrides,
    pub(crate) annotations: Annotations,
    /// Zero stops the component.
    pub(crate) instances_max: u32,
    /// Whether a component that runs from another image is to change to this one.
    pub(crate) allows_update: bool,
}

/// Another image for a component that runs.
pub(crate) struct Update {
    pub(crate) id: ComponentId,
    pub(crate) image: Reference,
    /// `None` keeps those it has.
    pub(crate) annotations: Option<Annotations>,
}

/// Exchanges what a component runs from for another image, and tells the outcome in an event.
pub(crate) async fn update(core: &Core, update: Update) {
    // Looked up here: requests before this one may have changed it, or failed to start it.
    let running = core.registry.component(&update.id);
    let found = running.as_ref();
    let update = Scale {
        image: Some(update.image),
        configs: found.map_or_else(Vec::new, |running| running.configs.to_vec()),
        limits: found.map_or_else(LimitOverrides::default, |running| running.limits),
        annotations: update
            .annotations
            .or_else(|| Some((*found?.annotations).clone()))
            .unwrap_or_default(),
        instances_max: found.map_or(0, |running| running.instances_max),
        allows_update: true,
        id: update.id,
    };
    if running.is_some() {
        scale(core, update).await;
    } else {
        let component = update.id.to_string();
        let problem = told(&Refusal::NoSuchComponent { component });
        tell_failure(core, update, None, &problem, 0).await;
    }
}

/// Makes a component what `scale` says, and tells the outcome in an event.
pub(crate) async fn scale(core: &Core, scale: Scale) {
    let begun = Instant::now();
    let mut claims = None;
    // Caught here: the request has been answered, and whoever waits for the outcome waits for an event.
    let outcome = mailbox::catch(async {
        match scale.instances_max {
            0 => Ok(stop(core, &scale).await),
            _ => start(core, &scale, &mut claims).await,
        }
    })
    .await
    .unwrap_or_else(|refusal| Err(told(&refusal)));
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Ok(event) => {
            tracing::info!(
                { field::COMPONENT_ID } = %scale.id,
                image = event.image_ref,
                instances = event.max_instances,
                { field::ELAPSED_MS } = elapsed_ms,
                "Component scaled"
            );
            core.publish(Data::ComponentScaled(event)).await;
        }
        Err(problem) => {
            let public_key = claims.map(|claims| claims.subject.clone());
            tell_failure(core, scale, public_key, &problem, elapsed_ms).await;
        }
    }
}

async fn tell_failure(
    core: &Core,
    scale: Scale,
    public_key: Option<String>,
    problem: &Problem,
    elapsed_ms: u64,
) {
    tracing::warn!(
        { field::COMPONENT_ID } = %scale.id,
        { field::ERROR } = %problem,
        { field::ERROR_CODE } = %problem.code,
        { field::ELAPSED_MS } = elapsed_ms,
        "Component not scaled"
    );
    let failed = ComponentScaleFailed {
        public_key,
        annotations: scale.annotations,
        host_id: core.identity.id.to_string(),
        image_ref: scale
            .image
            .map(|image| image.to_string())
            .unwrap_or_default(),
        component_id: scale.id.to_string(),
        max_instances: scale.instances_max,
        ..ComponentScaleFailed::default()
    };
    core.publish(Data::ComponentScaleFailed(failed.with_problem(problem)))
        .await;
}

/// Takes the component out of all routes. Calls that run go on to their end on what they hold.
async fn stop(core: &Core, scale: &Scale) -> ComponentScaled {
    let running = core.registry.component(&scale.id);
    if running.is_some() {
        // As long as the router may take: calls that were delivered are to find their routes.
        let id = EntityId::from(&scale.id);
        core.servings.remove(&id, DELIVERY_TIMEOUT).await;
        let version = core.registry.remove_component(&scale.id);
        core.settle_registry(version).await;
    }
    // The event tells of what ran, where something did (spec §1.3).
    let (image, annotations, claims) = match running {
        Some(running) => (
            running.image.to_string(),
            (*running.annotations).clone(),
            running.claims,
        ),
        None => (
            scale
                .image
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            scale.annotations.clone(),
            None,
        ),
    };
    ComponentScaled {
        image_ref: image,
        annotations,
        ..scaled(core, &scale.id, claims.as_deref())
    }
}

/// Starts the component, or exchanges what runs for what is asked: the new is ready and in all routes before the old is
/// let go, and calls that run end on the old.
///
/// `claims` become those of the component as soon as they are known.
async fn start(
    core: &Core,
    scale: &Scale,
    claims: &mut Option<Arc<Claims>>,
) -> Result<ComponentScaled, Problem> {
    let image = scale.image.as_ref().ok_or_else(|| {
        told(&Refusal::Unreadable {
            what: WHAT,
            reason: "`component_ref` is empty".to_owned(),
        })
    })?;
    let expected = expected_digest(WHAT, &scale.annotations).map_err(|refusal| told(&refusal))?;
    let running = core.registry.component(&scale.id);
    let kept = running
        .as_ref()
        .filter(|running| keeps_code(running, image, expected, scale.allows_update));
    let (code, digest, image) = match kept {
        Some(running) => {
            claims.clone_from(&running.claims);
            (
                running.code.clone(),
                running.digest,
                Arc::clone(&running.image),
            )
        }
        None => {
            let artifact = fetch(core, image, expected, claims).await?;
            let digest = artifact.digest;
            let code = compile(core, image, artifact).await?;
            (code, digest, image.as_str().into())
        }
    };
    let configs = core
        .read_configs(&scale.configs)
        .await
        .map_err(|refusal| told(&refusal))?;
    let program = core
        .engine
        .link(&code, scale.id.clone(), scale.instances_max, &scale.limits)
        .map_err(|error| told(&error))?;
    core.servings
        .check(&program)
        .map_err(|error| told(&error))?;
    if let Some(claims) = claims {
        claims::keep(core, claims).await;
    }
    let record = core
        .ensure_record(&EntityId::from(&scale.id), &image)
        .await
        .map_err(|refusal| told(&refusal))?;
    // Its links and configs have come to the router before it does, so that its first call finds them.
    core.settle(record, configs.revision).await;
    let component = RunningComponent {
        image: Arc::clone(&image),
        digest,
        claims: claims.clone(),
        annotations: Arc::new(scale.annotations.clone()),
        instances_max: scale.instances_max,
        limits: scale.limits,
        configs: scale.configs.clone().into(),
        code,
        program: Arc::clone(&program),
        config: Arc::new(LiveConfig::new(configs.merged)),
        problems: Arc::new([]),
    };
    enter(core, scale, component, &program).await?;
    Ok(ComponentScaled {
        image_ref: image.to_string(),
        annotations: scale.annotations.clone(),
        max_instances: scale.instances_max,
        ..scaled(core, &scale.id, claims.as_deref())
    })
}

/// Lets the component be found: by the routes of this host, then by others.
async fn enter(
    core: &Core,
    scale: &Scale,
    component: RunningComponent,
    program: &Arc<Program>,
) -> Result<(), Problem> {
    let version = core
        .registry
        .put_component(scale.id.clone(), component)
        .map_err(|full| told(&Refusal::from(full)))?;
    core.settle_registry(version).await;
    // Others may call it once it has routes.
    core.servings
        .put(program)
        .await
        .map_err(|error| told(&error))?;
    core.settle_calls().await;
    Ok(())
}

/// Whether what runs is already made of what is asked for, or may not be exchanged.
fn keeps_code(
    running: &RunningComponent,
    image: &Reference,
    expected: Option<Digest>,
    allows_update: bool,
) -> bool {
    let is_same =
        *running.image == *image.as_str() && expected.is_none_or(|digest| digest == running.digest);
    is_same || !allows_update
}

/// The digest that the annotations say the artifact has. One that cannot be read is no leave to run anything.
pub(crate) fn expected_digest(
    what: &'static str,
    annotations: &Annotations,
) -> Result<Option<Digest>, Refusal> {
    annotations
        .get(wire::annotation::DIGEST)
        .map(|text| text.parse())
        .transpose()
        .map_err(|error| Refusal::Unreadable {
            what,
            reason: format!(
                "annotation `{}`: {}",
                wire::annotation::DIGEST,
                render_chain(&error)
            ),
        })
}

/// The bytes of `image`; `claims` become those that were verified.
async fn fetch(
    core: &Core,
    image: &Reference,
    expected: Option<Digest>,
    claims: &mut Option<Arc<Claims>>,
) -> Result<Artifact, Problem> {
    if matches!(image.location(), Location::File(_)) && !core.identity.file_loads.components {
        return Err(told(&Refusal::FileLoad {
            what: "components",
            reference: image.to_string(),
        }));
    }
    let pull = core.pulls.begin(image);
    let fetched = core.artifacts.component(image, expected, pull).await;
    let component: Component = fetched.map_err(|error| told(&error))?;
    *claims = component.claims.map(Arc::new);
    Ok(component.artifact)
}

async fn compile(core: &Core, image: &Reference, artifact: Artifact) -> Result<Code, Problem> {
    let Artifact { bytes, digest } = artifact;
    let begun = Instant::now();
    let (code, origin) = core.engine.load(bytes).await.map_err(|error| {
        let mut problem = told(&error);
        // The engine knows bytes, not where they came from.
        if problem.subject.is_empty() {
            problem.subject = image.to_string();
        }
        problem
    })?;
    tracing::debug!(
        image = %image,
        { field::ARTIFACT_DIGEST } = %digest,
        ?origin,
        { field::ELAPSED_MS } = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "Component loaded"
    );
    Ok(code)
}

/// What an event tells of a component, but for what it was scaled to.
fn scaled(core: &Core, id: &ComponentId, claims: Option<&Claims>) -> ComponentScaled {
    ComponentScaled {
        public_key: claims.map(|claims| claims.subject.clone()),
        claims: claims.map(claims::component_event),
        host_id: core.identity.id.to_string(),
        component_id: id.to_string(),
        ..ComponentScaled::default()
    }
}

fn told(error: &dyn Coded) -> Problem {
    Problem::new(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_that_cannot_be_read_is_refused() {
        let annotations = |text: &str| {
            Annotations::from([(wire::annotation::DIGEST.to_owned(), text.to_owned())])
        };
        let good = format!("sha256:{}", "0f".repeat(32));
        assert!(
            expected_digest(WHAT, &annotations(&good))
                .unwrap()
                .is_some()
        );
        assert_eq!(expected_digest(WHAT, &Annotations::new()), Ok(None));
        for text in ["", "sha256:0f", "latest", &good[1..]] {
            let refusal = expected_digest(WHAT, &annotations(text)).unwrap_err();
            assert_eq!(refusal.code(), "HST001", "{text}");
        }
    }
}
