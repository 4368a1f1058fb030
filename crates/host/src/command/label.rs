//! `label.put.{host}` and `label.del.{host}`. Labels are kept in memory only.

use weft_model::labels::Labels;
use weft_protocol::control::{Ack, DeleteLabel, PutLabel};
use weft_protocol::event::{Data, LabelsChanged};
use weft_protocol::{json, wire};

use super::malformed;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, refuse, reply};

/// Labels that a host keeps.
const LABELS_MAX: usize = 256;
/// Bytes of a key, and of a value: all labels are in every heartbeat.
const LABEL_BYTES_MAX: usize = 256;

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
    check_bounds(&intake.core.registry.labels(), &label)?;
    intake
        .core
        .registry
        .set_label(&label.key, Some(label.value));
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

async fn tell(intake: &Intake) {
    let core = &intake.core;
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

    fn put(key: &str, value: &str) -> PutLabel {
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
        assert_eq!(check_bounds(&labels, &put(&longest, &longest)), Ok(()));
        for label in [put("zone", &too_long), put(&too_long, ""), put("", "a")] {
            let refusal = check_bounds(&labels, &label).unwrap_err();
            assert_eq!(refusal.code(), "HST003");
        }
        labels.extend((0..LABELS_MAX).map(|number| (number.to_string(), String::new())));
        assert_eq!(check_bounds(&labels, &put("0", "a")), Ok(()));
        assert!(matches!(
            check_bounds(&labels, &put("zone", "a")),
            Err(Refusal::TooManyLabels { .. })
        ));
        assert!(matches!(
            check_bounds(&labels, &put("HostCore.os", "a")),
            Err(Refusal::ReservedLabel { .. })
        ));
    }
}
