//! `host.stop.{host}`.

use std::time::Duration;

use weft_protocol::control::{Ack, StopHost};
use weft_protocol::{json, wire};

use super::{check_host, malformed};
use crate::error::Refusal;
use crate::host::StopRequest;
use crate::intake::{ControlRequest, Intake, refuse, reply};

pub(crate) async fn accept(intake: &Intake, request: &ControlRequest) {
    match read(intake, request) {
        Ok(stop) => {
            reply(request, &Ack::done(wire::text::HOST_STOPPED)).await;
            tracing::info!("Stop requested over the control interface");
            intake.core.stop.send_replace(Some(StopRequest {
                timeout: stop.timeout_ms.map(Duration::from_millis),
            }));
        }
        Err(refusal) => refuse(request, &refusal).await,
    }
}

fn read(intake: &Intake, request: &ControlRequest) -> Result<StopHost, Refusal> {
    let stop: StopHost = json::decode_or_default(&request.payload)
        .map_err(|error| malformed("stop host command", &error))?;
    check_host(&stop.host_id, &intake.core.identity.id)?;
    Ok(stop)
}
