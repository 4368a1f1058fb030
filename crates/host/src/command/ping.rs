//! `host.ping`.

use weft_protocol::control::Reply;

use crate::intake::{ControlRequest, Intake, reply};

pub(crate) async fn answer(intake: &Intake, request: &ControlRequest) {
    reply(request, &Reply::data(intake.core.summary())).await;
}
