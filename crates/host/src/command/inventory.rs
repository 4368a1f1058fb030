//! `host.get.{host}`.

use weft_protocol::control::Reply;

use crate::intake::{ControlRequest, Intake, reply};

pub(crate) async fn answer(intake: &Intake, request: &ControlRequest) {
    let (inventory, _) = intake.core.told_inventory();
    reply(request, &Reply::data(inventory)).await;
}
