//! `label.put.{host}` and `label.del.{host}`. Labels are kept in memory only.

use weft_protocol::control::{Ack, DeleteLabel, PutLabel};
use weft_protocol::event::{Data, LabelsChanged};
use weft_protocol::{json, wire};

use super::malformed;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, refuse, reply};

/// Labels that a host keeps.
const LABELS_MAX: usize = 256;

pub(crate) async fn put(intake: &Intake, request: &ControlRequest) {
    match try_put(intake, request) {
        Ok(()) => {
            tell(intake).await;
            reply(request, &Ack::done(wire::text::LABEL_PUT)).await;
        }
        Err(refusal) => refuse(request, &refusal).await,
    }
}

pub(crate) async fn delete(intake: &Intake, request: &ControlRequest) {
    let label: DeleteLabel = match json::decode(&request.payload) {
        Ok(label) => label,
        Err(error) => return refuse(request, &malformed("label delete command", &error)).await,
    };
    if intake.core.registry.set_label(&label.key, None).is_some() {
        tell(intake).await;
        reply(request, &Ack::done(wire::text::LABEL_DELETED)).await;
    } else {
        reply(request, &Ack::done(wire::text::LABEL_NOT_FOUND)).await;
    }
}

fn try_put(intake: &Intake, request: &ControlRequest) -> Result<(), Refusal> {
    let label: PutLabel =
        json::decode(&request.payload).map_err(|error| malformed("label put command", &error))?;
    if label.is_reserved() {
        return Err(Refusal::ReservedLabel { label: label.key });
    }
    let labels = intake.core.registry.labels();
    if labels.len() >= LABELS_MAX && !labels.contains_key(&label.key) {
        return Err(Refusal::TooManyLabels {
            labels_max: LABELS_MAX,
        });
    }
    intake
        .core
        .registry
        .set_label(&label.key, Some(label.value));
    Ok(())
}

async fn tell(intake: &Intake) {
    let core = &intake.core;
    core.publish(Data::LabelsChanged(LabelsChanged {
        host_id: core.identity.id.to_string(),
        labels: core.registry.labels(),
    }))
    .await;
}
