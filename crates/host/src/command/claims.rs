//! `claims.get`: all claims of the lattice, from the bucket, which other hosts and hands write too.

use std::sync::Arc;

use weft_protocol::control::{ClaimsList, Reply};
use weft_protocol::state::{ClaimsRecord, LatticeKey};
use weft_runtime::field;

use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let request = Arc::clone(&request);
        async move {
            match claims(&core).await {
                Ok(claims) => reply(&request, &Reply::data(claims)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake
        .push(&request, Work::new(Address::AllClaims, job))
        .await;
}

async fn claims(core: &Core) -> Result<ClaimsList, Refusal> {
    let mut claims = ClaimsList::new();
    for (key, entry) in core.records.entries().await? {
        let Ok(LatticeKey::Claims(subject)) = LatticeKey::parse(&key) else {
            continue;
        };
        match ClaimsRecord::decode(&entry.value) {
            Ok(mut record) => {
                if record.subject.is_empty() {
                    record.subject = subject;
                }
                claims.push(record.to_entry());
            }
            Err(error) => tracing::warn!(
                { field::KEY } = key,
                { field::ERROR } = weft_model::problem::render_chain(&error),
                "Left out claims that cannot be read"
            ),
        }
    }
    Ok(claims)
}
