//! `link.get`: all links of the lattice, from the bucket (architecture D2).

use std::sync::Arc;

use weft_protocol::control::{Link, Reply};
use weft_protocol::state::{ComponentRecord, LatticeKey};

use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let request = Arc::clone(&request);
        async move {
            match links(&core).await {
                Ok(links) => reply(&request, &Reply::data(links)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake
        .push(&request, Work::new(Address::AllLinks, job))
        .await;
}

async fn links(core: &Core) -> Result<Vec<Link>, Refusal> {
    let mut links = Vec::new();
    for (key, entry) in core.records.entries().await? {
        if let Ok(LatticeKey::Component(_)) = LatticeKey::parse(&key)
            && let Ok(record) = ComponentRecord::decode(&entry.value)
        {
            links.extend(record.links().cloned());
        }
    }
    Ok(links)
}
