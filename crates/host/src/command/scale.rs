//! `component.scale.{host}`: how many instances of a component may run here; zero stops it.
//!
//! The reply says that the request was taken in; the outcome is an event.

use std::sync::Arc;

use weft_protocol::control::{Ack, ScaleComponent};
use weft_protocol::json;

use super::{invalid, malformed};
use crate::component::{self, Scale};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse};
use crate::mailbox::Address;

const WHAT: &str = "component scale command";

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let scale = match read(&request) {
        Ok(scale) => scale,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let message = warning(intake, &scale);
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(scale.id.to_string());
    let job = async move { component::scale(&core, scale).await };
    let ack = Ack::done(&message);
    intake
        .push(&request, Work::acknowledged(address, ack, job))
        .await;
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

/// What the reply says beyond that the request was accepted.
fn warning(intake: &Intake, scale: &Scale) -> String {
    let running = intake.core.registry.component(&scale.id);
    match (running, &scale.image) {
        (Some(running), Some(image))
            if *running.image != *image.as_str() && scale.instances_max > 0 =>
        {
            if scale.allows_update {
                format!(
                    "component {} updates from {} to {image}",
                    scale.id, running.image
                )
            } else {
                format!(
                    "component {} runs {} and keeps it: the request names {image}, but does not allow an update",
                    scale.id, running.image
                )
            }
        }
        _ => String::new(),
    }
}
