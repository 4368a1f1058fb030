//! `config.get.{name}`, `config.put.{name}` and `config.del.{name}`, on the bucket itself.

use std::sync::Arc;

use weft_model::application::Config;
use weft_model::id::ConfigName;
use weft_protocol::control::{Ack, Reply};
use weft_protocol::event::{ConfigChanged, Data};
use weft_protocol::state::SecretReference;
use weft_protocol::{json, state, wire};

use super::malformed;
use crate::core::Core;
use crate::error::Refusal;
use crate::intake::{ControlRequest, Intake, Work, refuse, reply};
use crate::mailbox::Address;

pub(crate) async fn accept_get(intake: &Intake, name: ConfigName, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let (name, request) = (name.clone(), Arc::clone(&request));
        async move {
            match get(&core, &name).await {
                Ok(Some(config)) => reply(&request, &Reply::data(config)).await,
                Ok(None) => reply(&request, &Ack::done(wire::text::CONFIG_NOT_FOUND)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake
        .push(&request, Work::new(Address::Config(name.to_string()), job))
        .await;
}

pub(crate) async fn accept_put(intake: &Intake, name: ConfigName, request: Arc<ControlRequest>) {
    if let Err(refusal) = check_value(&name, &request) {
        return refuse(&request, &refusal).await;
    }
    let core = Arc::clone(&intake.core);
    let job = {
        let (name, request) = (name.clone(), Arc::clone(&request));
        async move {
            match put(&core, &name, &request).await {
                Ok(()) => reply(&request, &Ack::done(wire::text::CONFIG_PUT)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake
        .push(&request, Work::new(Address::Config(name.to_string()), job))
        .await;
}

pub(crate) async fn accept_delete(intake: &Intake, name: ConfigName, request: Arc<ControlRequest>) {
    let core = Arc::clone(&intake.core);
    let job = {
        let (name, request) = (name.clone(), Arc::clone(&request));
        async move {
            match delete(&core, &name).await {
                Ok(()) => reply(&request, &Ack::done(wire::text::CONFIG_DELETED)).await,
                Err(refusal) => refuse(&request, &refusal).await,
            }
        }
    };
    intake
        .push(&request, Work::new(Address::Config(name.to_string()), job))
        .await;
}

async fn get(core: &Core, name: &ConfigName) -> Result<Option<serde_json::Value>, Refusal> {
    let Some(entry) = core.configs.get(name.as_str()).await? else {
        return Ok(None);
    };
    // A reference to a secret is an object of another form; both are told as they are.
    json::decode(&entry.value)
        .map(Some)
        .map_err(|error| malformed("config", &error))
}

fn check_value(name: &ConfigName, request: &ControlRequest) -> Result<(), Refusal> {
    let read = if state::is_secret(name) {
        json::decode::<SecretReference>(&request.payload).map(drop)
    } else {
        json::decode::<Config>(&request.payload).map(drop)
    };
    read.map_err(|error| Refusal::ConfigMalformed {
        config: name.to_string(),
        reason: weft_model::problem::render_chain(&error),
    })
}

async fn put(core: &Core, name: &ConfigName, request: &ControlRequest) -> Result<(), Refusal> {
    let revision = core
        .configs
        .put(name.as_str(), request.payload.clone())
        .await?;
    core.settle(0, revision).await;
    core.publish(Data::ConfigSet(changed(name))).await;
    Ok(())
}

async fn delete(core: &Core, name: &ConfigName) -> Result<(), Refusal> {
    let revision = core.configs.purge(name.as_str(), None).await?;
    core.settle(0, revision).await;
    core.publish(Data::ConfigDeleted(changed(name))).await;
    Ok(())
}

fn changed(name: &ConfigName) -> ConfigChanged {
    ConfigChanged {
        config_name: name.to_string(),
    }
}
