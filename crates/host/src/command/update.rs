//! `component.update.{host}`: another image for a component that runs. Unlike 1.9, the new one really takes the place of
//! the old.

use std::sync::Arc;

use weft_protocol::control::{Ack, UpdateComponent};
use weft_protocol::json;

use super::{invalid, malformed};
use crate::component::{self, Update};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;
use crate::outlook::{Outlook, Presence};

const WHAT: &str = "component update command";

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let update = match read(&request) {
        Ok(update) => update,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let (id, image) = (&update.id, &update.image);
    let Some(running) = intake.expected_image(id) else {
        let component = id.to_string();
        return refuse(&request, &Refusal::NoSuchComponent { component }).await;
    };
    if *running == *image.as_str() {
        let message = format!("component {id} already updated to {image}");
        return reply(&request, &Ack::done(&message)).await;
    }
    let ack = Ack::done(&format!(
        "component {id} updating from {running} to {image}"
    ));
    let outlook = Outlook::component(Presence::From(image.as_str().into()));
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(id.to_string());
    let job = async move { component::update(&core, update).await };
    let work = Work::acknowledged(address, ack, job).leading_to(outlook);
    intake.push(&request, work).await;
}

fn read(request: &ControlRequest) -> Result<Update, Refusal> {
    let body: UpdateComponent =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    Ok(Update {
        id: body.component().map_err(|error| invalid(WHAT, &error))?,
        image: body.image().map_err(|error| invalid(WHAT, &error))?,
        annotations: body.annotations,
    })
}
