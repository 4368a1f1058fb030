//! `link.put`: adds or replaces a link in the record of its source, by compare-and-set of the whole record.

use std::sync::Arc;

use weft_lattice::bucket::{RetryError, Update, Updated};
use weft_model::id::ConfigName;
use weft_model::link::Link;
use weft_model::problem::{Coded, Problem};
use weft_protocol::control::{self, Ack};
use weft_protocol::event::{Data, LinkSetFailed};
use weft_protocol::json::{self, DecodeError};
use weft_protocol::provider::LinkDefinition;
use weft_protocol::state::{ComponentRecord, LatticeKey, LinkConflict, PutLinkOutcome, is_secret};
use weft_protocol::subject::ProviderMessage;
use weft_protocol::wire;

use super::{invalid, malformed};
use crate::core::{Core, ReadConfigs};
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

const WHAT: &str = "link put command";

/// Why a record cannot be changed.
#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error(transparent)]
    Conflict(#[from] LinkConflict),
    #[error("the record cannot be read")]
    Record(#[from] DecodeError),
}

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let link = match read(&request) {
        Ok(link) => link,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let core = Arc::clone(&intake.core);
    let address = Address::Links(link.source.to_string());
    let job = {
        let request = Arc::clone(&request);
        async move {
            match put(&core, &link).await {
                Ok(()) => reply(&request, &Ack::done(wire::text::LINK_PUT)).await,
                Err(refusal) => {
                    tell_failure(&core, &link, &refusal).await;
                    refuse(&request, &refusal).await;
                }
            }
        }
    };
    intake.push(&request, Work::new(address, job)).await;
}

fn read(request: &ControlRequest) -> Result<Link, Refusal> {
    let body: control::Link =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    Link::try_from(&body).map_err(|error| invalid(WHAT, &error))
}

async fn put(core: &Core, link: &Link) -> Result<(), Refusal> {
    let configs = read_configs(core, link).await?;
    let key = LatticeKey::Component(link.source.clone()).to_string();
    let updated = core
        .records
        .retry_update(&key, |entry| {
            let mut record = match entry {
                Some(entry) => ComponentRecord::decode(&entry.value)?,
                None => ComponentRecord::new(""),
            };
            Ok(match record.put_link(link)? {
                PutLinkOutcome::Unchanged => Update::Keep,
                _ => Update::Put(record.encode().into()),
            })
        })
        .await
        .map_err(into_refusal)?;
    let revision = match updated {
        Updated::Written { revision } => revision,
        Updated::Kept { revision } => revision.unwrap_or(0),
    };
    if let Some((source, target)) = configs {
        core.settle(revision, source.revision.max(target.revision))
            .await;
        // Providers whose SDK listens on the ids of a link's ends (spec §5.5).
        let definition = LinkDefinition::new(link, source.merged, target.merged);
        core.tell_ends(link, ProviderMessage::LinkPut, &definition)
            .await;
    } else {
        core.settle(revision, 0).await;
    }
    core.publish(Data::LinkSet(control::Link::from(link))).await;
    Ok(())
}

/// The configs that the link names for its source and its target. The words about one that is not there are those of the
/// dialect.
///
/// `None` where a name is that of a secret: it is for the hosts of both ends to fetch, and nobody is told of it (spec §1.3).
/// Where an end runs here, there is nobody to fetch it from.
async fn read_configs(
    core: &Core,
    link: &Link,
) -> Result<Option<(ReadConfigs, ReadConfigs)>, Refusal> {
    if let Some(secret) = link.configs().find(|name| is_secret(name)) {
        if core.runs(&link.source) || core.runs(&link.target) {
            let config = secret.to_string();
            return Err(Refusal::SecretConfig { config });
        }
        for name in link.configs() {
            if core.configs.get(name.as_str()).await?.is_none() {
                let config = name.to_string();
                return Err(Refusal::LinkConfig { config });
            }
        }
        return Ok(None);
    }
    let read = async |names: &[ConfigName]| {
        let read = core.read_configs(names).await;
        read.map_err(|refusal| match refusal {
            Refusal::NoSuchConfig { config } => Refusal::LinkConfig { config },
            other => other,
        })
    };
    Ok(Some((
        read(&link.source_config).await?,
        read(&link.target_config).await?,
    )))
}

async fn tell_failure(core: &Core, link: &Link, refusal: &Refusal) {
    let problem = Problem::new(refusal as &dyn Coded);
    let failed = LinkSetFailed::from(control::Link::from(link)).with_problem(&problem);
    core.publish(Data::LinkSetFailed(failed)).await;
}

fn into_refusal(error: RetryError<ChangeError>) -> Refusal {
    match error {
        RetryError::Update(ChangeError::Conflict(conflict)) => Refusal::LinkConflict {
            target: conflict.target,
        },
        other => Refusal::State {
            reason: weft_model::problem::render_chain(&other),
        },
    }
}
