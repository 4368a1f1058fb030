//! `component.scale.{host}`: how many instances of a component may run here; zero stops it.
//!
//! The reply says that the request was taken in; the outcome is an event.

use std::sync::Arc;

use weft_lattice::control::is_draining;
use weft_protocol::control::{Ack, ScaleComponent};
use weft_protocol::json;

use super::{invalid, malformed};
use crate::component::{self, Scale};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse};
use crate::mailbox::Address;
use crate::outlook::{Outlook, Presence};

const WHAT: &str = "component scale command";

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let scale = match read(&request) {
        Ok(scale) => scale,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let running = intake.expected_image(&scale.id);
    let is_new = running.is_none() && scale.instances_max > 0;
    if is_new && is_draining(&intake.core.registry.labels()) {
        let id = scale.id.to_string();
        return refuse(&request, &Refusal::Draining { id }).await;
    }
    let ack = Ack::done(&warning(running.as_deref(), &scale));
    let outlook = outlook(running, &scale);
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(scale.id.to_string());
    let job = async move { component::scale(&core, scale).await };
    let work = Work::acknowledged(address, ack, job).leading_to(outlook);
    intake.push(&request, work).await;
}

fn read(request: &ControlRequest) -> Result<Scale, Refusal> {
    let body: ScaleComponent =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    let convert = |error| invalid(WHAT, &error);
    Ok(Scale {
        id: body.component().map_err(convert)?,
        image: body.image().map_err(convert)?,
        configs: body.configs().map_err(convert)?,
        limits: body.limits().unwrap_or_default(),
        annotations: body.annotations.unwrap_or_default(),
        instances_max: body.instances_max,
        allows_update: body.allow_update,
    })
}

/// What the reply says beyond that the request was accepted, where the component runs from the image `running` then.
fn warning(running: Option<&str>, scale: &Scale) -> String {
    let (Some(running), Some(image)) = (running, &scale.image) else {
        return String::new();
    };
    if running == image.as_str() || scale.instances_max == 0 {
        return String::new();
    }
    let id = &scale.id;
    if scale.allows_update {
        format!(
            "Requested to scale existing component, with a changed image reference: {running} != {image}. The component will be scaled, and the image reference will be updated afterwards."
        )
    } else {
        format!(
            "component {id} runs {running} and keeps it: the request names {image}, but does not allow an update"
        )
    }
}

/// What becomes of a component that runs from the image `running` then.
fn outlook(running: Option<Arc<str>>, scale: &Scale) -> Outlook {
    let presence = match (running, &scale.image) {
        _ if scale.instances_max == 0 => Presence::Absent,
        // Fails, and changes nothing.
        (_, None) => return Outlook::default(),
        (Some(running), Some(_)) if !scale.allows_update => Presence::From(running),
        (_, Some(image)) => Presence::From(image.as_str().into()),
    };
    Outlook::component(presence)
}

#[cfg(test)]
mod tests {
    use weft_model::labels::Annotations;
    use weft_model::limits::LimitOverrides;

    use super::*;

    fn scale(image: Option<&str>, instances_max: u32, allows_update: bool) -> Scale {
        Scale {
            id: "web".parse().unwrap(),
            image: image.map(|image| image.parse().unwrap()),
            configs: Vec::new(),
            limits: LimitOverrides::default(),
            annotations: Annotations::new(),
            instances_max,
            allows_update,
        }
    }

    #[test]
    fn a_component_keeps_its_image_unless_an_update_is_allowed() {
        let (old, new) = ("file:///old.wasm", "file:///new.wasm");
        let check = |running: Option<&str>, scale: &Scale, expected: Option<&str>| {
            let presence = outlook(running.map(Into::into), scale).component.unwrap();
            assert_eq!(presence.image().map(|image| &**image), expected);
        };
        check(None, &scale(Some(new), 1, false), Some(new));
        check(Some(old), &scale(Some(new), 1, false), Some(old));
        check(Some(old), &scale(Some(new), 1, true), Some(new));
        check(Some(old), &scale(Some(old), 0, false), None);
        assert_eq!(outlook(None, &scale(None, 1, true)), Outlook::default());

        assert_eq!(warning(Some(old), &scale(Some(old), 1, false)), "");
        assert!(warning(Some(old), &scale(Some(new), 1, false)).contains("keeps it"));
        assert!(
            warning(Some(old), &scale(Some(new), 1, true))
                .contains(" != file:///new.wasm. The component will be scaled")
        );
        assert_eq!(warning(Some(old), &scale(Some(new), 0, true)), "");
    }
}
