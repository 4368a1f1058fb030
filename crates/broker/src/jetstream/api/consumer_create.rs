//! `CONSUMER.CREATE` in its three forms, and `CONSUMER.DURABLE.CREATE`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, Request, advisory, views};
use crate::jetstream::clock::Now;
use crate::jetstream::config::{ConsumerConfig, parse};
use crate::jetstream::engine::ConsumerKey;
use crate::jetstream::{ApiError, Engine};

/// What to do where a consumer of that name exists, or where none does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Action {
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    #[serde(rename = "create")]
    Create,
    #[serde(rename = "update")]
    Update,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    stream_name: String,
    config: Map<String, Value>,
    action: Action,
}

/// What the subject says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Path<'a> {
    stream: &'a str,
    name: Option<&'a str>,
    filter: Option<&'a str>,
    is_durable: bool,
}

// ---------------------------------------------------------------------------------------------------------

pub(super) fn serve(engine: &mut Engine, now: Now, request: &Request<'_>) -> Answer {
    let result = create(engine, now, request);
    let id = result.as_ref().ok().map(|key| key.0);
    let view = result.map(|key| views::consumer(engine, now, key).unwrap_or_default());
    Answer::new("consumer_create_response", view).about(id)
}

fn create(engine: &mut Engine, now: Now, request: &Request<'_>) -> Result<ConsumerKey, ApiError> {
    let known = ["stream_name", "config", "action"];
    let body: Body = parse(request.object()?, &known, |_| ApiError::BAD_REQUEST)?;
    let mut config = ConsumerConfig::parse(body.config)?;
    let path = Path::parse(request.path)?;
    if path.stream != body.stream_name {
        return Err(ApiError::STREAM_MISMATCH);
    }
    path.check(&mut config)?;
    let id = engine.stream_id(path.stream)?;
    let stream = engine.streams.get(&id).ok_or(ApiError::STREAM_NOT_FOUND)?;
    let config = config.checked(stream.core.config())?;
    let name = if config.is_durable() {
        &config.durable
    } else {
        &config.name
    };
    let existing = stream.consumer_names.get(name.as_str()).copied();
    match (existing, body.action) {
        (Some(consumer), action) => {
            let key = (id, consumer);
            let is_same = engine.consumer(key).is_some_and(|core| {
                let mut wanted = config.clone();
                wanted.name.clone_from(&core.config().name);
                *core.config() == wanted
            });
            if action == Action::Create && !is_same {
                return Err(ApiError::CONSUMER_ALREADY_EXISTS);
            }
            engine.update_consumer(now, key, config)?;
            Ok(key)
        }
        (None, Action::Update) => Err(ApiError::CONSUMER_DOES_NOT_EXIST),
        (None, Action::Create | Action::CreateOrUpdate) => {
            let key = engine.create_consumer(now, id, config)?;
            let name = engine.consumer(key).map(|core| core.name().clone());
            if let Some(name) = name {
                advisory::consumer_action(engine, now, id, &name, advisory::Action::Create);
            }
            Ok(key)
        }
    }
}

impl<'a> Path<'a> {
    fn parse(path: &'a str) -> Result<Self, ApiError> {
        if let Some(rest) = path.strip_prefix("CONSUMER.DURABLE.CREATE.") {
            let names = rest.split_once('.').filter(|(_, name)| !name.contains('.'));
            let (stream, name) = names.ok_or(ApiError::CONSUMER_DURABLE_NOT_IN_SUBJECT)?;
            return Ok(Self {
                stream,
                name: Some(name),
                filter: None,
                is_durable: true,
            });
        }
        let rest = path
            .strip_prefix("CONSUMER.CREATE.")
            .ok_or(ApiError::BAD_REQUEST)?;
        let mut parts = rest.splitn(3, '.');
        Ok(Self {
            stream: parts.next().unwrap_or_default(),
            name: parts.next(),
            filter: parts.next(),
            is_durable: false,
        })
    }

    /// Checks that subject and configuration agree, and takes the name from the subject.
    fn check(&self, config: &mut ConsumerConfig) -> Result<(), ApiError> {
        if self.name.is_some_and(|name| name.contains(['/', '\\'])) {
            return Err(ApiError::CONSUMER_NAME_PATH);
        }
        match self.name {
            Some(name) if self.is_durable => {
                if !config.is_durable() {
                    return Err(ApiError::CONSUMER_DURABLE_NOT_SET);
                }
                if config.durable != name {
                    return Err(ApiError::CONSUMER_DURABLE_MISMATCH);
                }
            }
            Some(name) => {
                if config.is_durable() && config.durable != name {
                    return Err(ApiError::CONSUMER_DURABLE_MISMATCH);
                }
                name.clone_into(&mut config.name);
            }
            None if config.is_durable() => return Err(ApiError::CONSUMER_EPHEMERAL_WITH_DURABLE),
            None => {}
        }
        if let Some(filter) = self.filter {
            if !config.filter_subjects.is_empty() {
                return Err(ApiError::CONSUMER_FILTERS_IN_SUBJECT);
            }
            if config.filter_subject != filter {
                return Err(ApiError::CONSUMER_FILTER_MISMATCH);
            }
        }
        Ok(())
    }
}
