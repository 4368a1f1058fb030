//! `component.auction` and `provider.auction`: a host that cannot or need not stays silent (spec §1.3).

use weft_lattice::control::is_draining;
use weft_model::labels::{self, Labels};
use weft_protocol::control::{ComponentAuction, ComponentBid, ProviderAuction, ProviderBid, Reply};
use weft_protocol::json;

use super::{invalid, malformed};
use crate::intake::{ControlRequest, Intake, refuse, reply};

pub(crate) async fn bid_for_component(intake: &Intake, request: &ControlRequest) {
    let core = &intake.core;
    let auction: ComponentAuction = match json::decode(&request.payload) {
        Ok(auction) => auction,
        Err(error) => return refuse(request, &malformed("component auction", &error)).await,
    };
    let id = match auction.component() {
        Ok(id) => id,
        Err(error) => return refuse(request, &invalid("component auction", &error)).await,
    };
    let is_eligible = is_eligible(&core.registry.labels(), &auction.constraints);
    if is_eligible && core.registry.component(&id).is_none() {
        let bid = ComponentBid::new(&core.identity.id, auction);
        reply(request, &Reply::data(bid)).await;
    }
}

pub(crate) async fn bid_for_provider(intake: &Intake, request: &ControlRequest) {
    let core = &intake.core;
    let auction: ProviderAuction = match json::decode(&request.payload) {
        Ok(auction) => auction,
        Err(error) => return refuse(request, &malformed("provider auction", &error)).await,
    };
    let id = match auction.provider() {
        Ok(id) => id,
        Err(error) => return refuse(request, &invalid("provider auction", &error)).await,
    };
    let is_eligible = is_eligible(&core.registry.labels(), &auction.constraints);
    if is_eligible && core.registry.provider(&id).is_none() {
        let bid = ProviderBid::new(&core.identity.id, auction);
        reply(request, &Reply::data(bid)).await;
    }
}

/// Whether a host with these labels takes what asks for `constraints`.
fn is_eligible(own: &Labels, constraints: &Labels) -> bool {
    labels::satisfies(own, constraints) && !is_draining(own)
}
