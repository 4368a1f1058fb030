//! `provider.stop.{host}`. The reply comes after the provider has stopped, or while it still finishes what it has under way;
//! that it stopped is an event.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use weft_model::id::{EntityId, ProviderId};
use weft_protocol::control::{Ack, StopProvider};
use weft_protocol::event::{Data, ProviderStopped};
use weft_protocol::{json, wire};
use weft_runtime::field;

use super::{check_host, invalid, malformed};
use crate::component::DELIVERY_TIMEOUT;
use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;
use crate::outlook::Outlook;
use crate::registry::Backing;

const WHAT: &str = "provider stop command";
/// After how long it is answered although the provider has not stopped: clients of 1.9 wait for two seconds.
const REPLY_AFTER: Duration = Duration::from_millis(1500);

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let id = match read(intake, &request) {
        Ok(id) => id,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let core = Arc::clone(&intake.core);
    let address = Address::Entity(id.to_string());
    let job = {
        let request = Arc::clone(&request);
        async move {
            let mut stopping = pin!(stop(&core, &id));
            let done = || Ack::done(wire::text::PROVIDER_STOPPED);
            match timeout(REPLY_AFTER, &mut stopping).await {
                Ok(Ok(())) => reply(&request, &done()).await,
                Ok(Err(refusal)) => refuse(&request, &refusal).await,
                // Nothing is refused any more by then.
                Err(_) => {
                    reply(&request, &done()).await;
                    let _ = stopping.await;
                }
            }
        }
    };
    let work = Work::new(address, job).leading_to(Outlook::provider(false));
    intake.push(&request, work).await;
}

fn read(intake: &Intake, request: &ControlRequest) -> Result<ProviderId, Refusal> {
    let body: StopProvider =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    check_host(&body.host_id, &intake.core.identity.id)?;
    body.provider().map_err(|error| invalid(WHAT, &error))
}

async fn stop(core: &Core, id: &ProviderId) -> Result<(), Refusal> {
    let Some(provider) = core.registry.provider(id) else {
        return Err(Refusal::ProviderNotRunning {
            provider: id.to_string(),
        });
    };
    core.servings
        .remove(&EntityId::from(id), DELIVERY_TIMEOUT)
        .await;
    if let Backing::Process(process) = &provider.backing {
        // Told as running until it does not: nothing else may take its place before.
        process.stop(core.processes.options.drain_timeout).await;
    }
    let version = core.registry.remove_provider(id);
    core.settle_registry(version).await;
    tracing::info!({ field::PROVIDER_ID } = %id, "Provider stopped");
    core.publish(Data::ProviderStopped(ProviderStopped {
        host_id: core.identity.id.to_string(),
        provider_id: id.to_string(),
        annotations: (*provider.annotations).clone(),
        reason: "stop".to_owned(),
        instance_id: id.to_string(),
        public_key: id.to_string(),
        link_name: "default".to_owned(),
    }))
    .await;
    Ok(())
}
