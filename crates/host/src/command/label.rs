//! `label.put.{host}` and `label.del.{host}`. Labels are kept in memory only.

use std::sync::Arc;

use weft_model::labels::Labels;
use weft_protocol::control::{Ack, DeleteLabel, PutLabel};
use weft_protocol::event::{Data, LabelsChanged};
use weft_protocol::{json, wire};

use super::malformed;
use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

/// Labels that a host keeps.
const LABELS_MAX: usize = 256;
/// Bytes of a key, and of a value: all labels are in every heartbeat.
const LABEL_BYTES_MAX: usize = 256;

pub(crate) async fn accept_put(intake: &Intake, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let request = Arc::clone(&request);
        async move {
            match put(&core, &request) {
                Ok(()) => {
                    tell(&core).await;
                    reply(&request, &Ack::done(wire::text::LABEL_PUT)).await;
                }
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake.push(&request, Work::new(Address::Labels, job)).await;
}

pub(crate) async fn accept_delete(intake: &Intake, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let request = Arc::clone(&request);
        async move { delete(&core, &request).await }
    };
    intake.push(&request, Work::new(Address::Labels, job)).await;
}

async fn delete(core: &Core, request: &ControlRequest) {
    let label: DeleteLabel = match json::decode(&request.payload) {
        Ok(label) => label,
        Err(error) => return refuse(request, &malformed("label delete command", &error)).await,
    };
    if core.registry.remove_label(&label.key) {
        tell(core).await;
        reply(request, &Ack::done(wire::text::LABEL_DELETED)).await;
    } else {
        reply(request, &Ack::done(wire::text::LABEL_NOT_FOUND)).await;
    }
}

fn put(core: &Core, request: &ControlRequest) -> Result<(), Refusal> {
    let label: PutLabel =
        json::decode(&request.payload).map_err(|error| malformed("label put command", &error))?;
    check_bounds(&core.registry.labels(), &label)?;
    core.registry.set_label(&label.key, label.value)?;
    Ok(())
}

/// Checks that a host with `labels` may have `label` too.
fn check_bounds(labels: &Labels, label: &PutLabel) -> Result<(), Refusal> {
    if label.is_reserved() {
        let label = label.key.clone();
        return Err(Refusal::ReservedLabel { label });
    }
    if label.key.is_empty()
        || label.key.len() > LABEL_BYTES_MAX
        || label.value.len() > LABEL_BYTES_MAX
    {
        return Err(Refusal::LabelSize {
            bytes_max: LABEL_BYTES_MAX,
        });
    }
    if labels.len() >= LABELS_MAX && !labels.contains_key(&label.key) {
        return Err(Refusal::TooManyLabels {
            labels_max: LABELS_MAX,
        });
    }
    Ok(())
}

async fn tell(core: &Core) {
    core.publish(Data::LabelsChanged(LabelsChanged {
        host_id: core.identity.id.to_string(),
        labels: core.registry.labels(),
    }))
    .await;
}

#[cfg(test)]
mod tests {
    use weft_model::problem::Coded;

    use super::*;

    fn label(key: &str, value: &str) -> PutLabel {
        PutLabel {
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn labels_are_bounded_in_number_and_size() {
        let longest = "x".repeat(LABEL_BYTES_MAX);
        let too_long = "x".repeat(LABEL_BYTES_MAX + 1);
        let mut labels = Labels::new();
        assert_eq!(check_bounds(&labels, &label(&longest, &longest)), Ok(()));
        for label in [
            label("zone", &too_long),
            label(&too_long, ""),
            label("", "a"),
        ] {
            let refusal = check_bounds(&labels, &label).unwrap_err();
            assert_eq!(refusal.code(), "HST003");
        }
        labels.extend((0..LABELS_MAX).map(|number| (number.to_string(), String::new())));
        assert_eq!(check_bounds(&labels, &label("0", "a")), Ok(()));
        assert!(matches!(
            check_bounds(&labels, &label("zone", "a")),
            Err(Refusal::TooManyLabels { .. })
        ));
        assert!(matches!(
            check_bounds(&labels, &label("HostCore.os", "a")),
            Err(Refusal::ReservedLabel { .. })
        ));
    }
}
