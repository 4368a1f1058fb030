//! `link.del`: removes a link from the record of its source, by compare-and-set of the whole record.

use std::sync::Arc;

use weft_lattice::bucket::{Update, Updated};
use weft_model::link::{Link, LinkKey};
use weft_protocol::control::{Ack, DeleteLink};
use weft_protocol::event::{Data, LinkDeleted};
use weft_protocol::json;
use weft_protocol::provider::LinkDefinition;
use weft_protocol::state::{ComponentRecord, LatticeKey};
use weft_protocol::subject::ProviderMessage;
use weft_protocol::wire;

use super::{invalid, malformed};
use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

const WHAT: &str = "link delete command";

/// What was there.
enum Found {
    /// No record of the source.
    NoRecord,
    /// A record without such a link.
    NoLink,
    /// The link, in its form on the wire too.
    Link(weft_protocol::control::Link),
}

pub(crate) async fn accept(intake: &Intake, request: Arc<ControlRequest>) {
    let key = match read(&request) {
        Ok(key) => key,
        Err(refusal) => return refuse(&request, &refusal).await,
    };
    let core = Arc::clone(&intake.core);
    let address = Address::Links(key.source.to_string());
    let job = {
        let request = Arc::clone(&request);
        async move {
            match delete(&core, &key).await {
                Ok(text) => reply(&request, &Ack::done(text)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake.push(&request, Work::new(address, job)).await;
}

fn read(request: &ControlRequest) -> Result<LinkKey, Refusal> {
    let body: DeleteLink =
        json::decode(&request.payload).map_err(|error| malformed(WHAT, &error))?;
    LinkKey::try_from(&body).map_err(|error| invalid(WHAT, &error))
}

async fn delete(core: &Core, key: &LinkKey) -> Result<&'static str, Refusal> {
    let record_key = LatticeKey::Component(key.source.clone()).to_string();
    let mut found = Found::NoRecord;
    let updated = core
        .records
        .retry_update(&record_key, |entry| {
            let Some(entry) = entry else {
                found = Found::NoRecord;
                return Ok(Update::Keep);
            };
            let mut record = ComponentRecord::decode(&entry.value)?;
            Ok::<_, json::DecodeError>(match record.delete_link(key) {
                Some(link) => {
                    found = Found::Link(link);
                    Update::Put(record.encode().into())
                }
                None => {
                    found = Found::NoLink;
                    Update::Keep
                }
            })
        })
        .await
        .map_err(|error| Refusal::State {
            reason: weft_model::problem::render_chain(&error),
        })?;
    if let Updated::Written { revision } = updated {
        core.settle(revision, 0).await;
    }
    let removed = match found {
        Found::NoRecord => return Ok(wire::text::LINK_NOT_FOUND),
        Found::NoLink => None,
        Found::Link(link) => Some(link),
    };
    if let Some(link) = removed.as_ref().and_then(|link| Link::try_from(link).ok()) {
        let definition = LinkDefinition::without_configs(&link);
        core.tell_ends(&link, ProviderMessage::LinkDelete, &definition)
            .await;
    }
    core.publish(Data::LinkDeleted(LinkDeleted::new(key, removed)))
        .await;
    Ok(wire::text::LINK_DELETED)
}
