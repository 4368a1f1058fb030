//! `registry.put`: credentials for registries, for every host.

use weft_protocol::control::{Ack, RegistryCredentials};
use weft_protocol::{json, wire};

use super::malformed;
use crate::credentials;
use crate::intake::{ControlRequest, Intake, refuse, reply};

const WHAT: &str = "registry put command";

pub(crate) async fn accept(intake: &Intake, request: &ControlRequest) {
    match json::decode::<RegistryCredentials>(&request.payload) {
        Ok(put) => {
            intake
                .core
                .artifacts
                .put_credentials(credentials::usable(put));
            reply(request, &Ack::done(wire::text::REGISTRY_PUT)).await;
        }
        Err(error) => refuse(request, &malformed(WHAT, &error)).await,
    }
}
