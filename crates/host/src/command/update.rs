//! `component.update.{host}`: another image for a component that runs. Unlike 1.9, the new one really takes the place of
//! the old.

use std::sync::Arc;

use weft_protocol::control::{Ack, UpdateComponent};
use weft_protocol::json;

use super::{invalid, malformed};
use crate::component::{self, Scale};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

const WHAT: &str = "component update command";

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let (scale, message) = match read(intake, &request) {
        Ok(Update::To(scale, message)) => (scale, message),
        Ok(Update::None(message)) => return reply(&request, &Ack::done(&message)).await,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(scale.id.to_string());
    let job = async move { component::scale(&core, *scale).await };
    let ack = Ack::done(&message);
    intake
        .push(&request, Work::acknowledged(address, ack, job))
        .await;
}

/// What is to be done, and what the reply says.
enum Update {
    To(Box<Scale>, String),
    None(String),
}

fn read(intake: &Intake, request: &ControlRequest) -> Result<Update, Refusal> {
    let body: UpdateComponent =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    let id = body.component().map_err(|error| invalid(WHAT, &error))?;
    let image = body.image().map_err(|error| invalid(WHAT, &error))?;
    let Some(running) = intake.core.registry.component(&id) else {
        return Err(Refusal::NoSuchComponent {
            component: id.to_string(),
        });
    };
    if *running.image == *image.as_str() {
        return Ok(Update::None(format!(
            "component {id} already updated to {image}"
        )));
    }
    let message = format!("component {id} updating from {} to {image}", running.image);
    let scale = Scale {
        id,
        image: Some(image),
        configs: running.configs.to_vec(),
        limits: running.limits,
        annotations: body
            .annotations
            .unwrap_or_else(|| (*running.annotations).clone()),
        instances_max: running.instances_max,
        allows_update: true,
    };
    Ok(Update::To(Box::new(scale), message))
}
