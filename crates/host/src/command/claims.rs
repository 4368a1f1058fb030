//! `claims.get`. This version reads no claims, so it knows none.

use std::collections::BTreeMap;

use weft_protocol::control::Reply;

use crate::intake::{ControlRequest, reply};

pub(crate) async fn answer(request: &ControlRequest) {
    reply(
        request,
        &Reply::data(Vec::<BTreeMap<String, String>>::new()),
    )
    .await;
}
