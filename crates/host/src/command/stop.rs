//! `host.stop.{host}`.

use std::sync::Arc;
use std::time::Duration;

use weft_protocol::control::{Ack, StopHost};
use weft_protocol::{json, wire};

use super::{check_host, malformed};
use crate::core::Core;
use crate::error::Refusal;
use crate::host::StopRequest;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let request = Arc::clone(&request);
        async move {
            match read(&core, &request) {
                Ok(stop) => {
                    reply(&request, &Ack::done(wire::text::HOST_STOPPED)).await;
                    tracing::info!("Stop requested over the control interface");
                    core.stop.send_replace(Some(StopRequest {
                        timeout: stop.timeout_ms.map(Duration::from_millis),
                    }));
                }
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake.push(&request, Work::new(Address::Stop, job)).await;
}

fn read(core: &Core, request: &ControlRequest) -> Result<StopHost, Refusal> {
    let stop: StopHost = json::decode_or_default(&request.payload)
        .map_err(|error| malformed("stop host command", &error))?;
    check_host(&stop.host_id, &core.identity.id)?;
    Ok(stop)
}
