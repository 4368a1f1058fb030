//! What a client may ask about itself: `$SYS.REQ.USER.INFO`, as `nats account info` does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Session;
use crate::auth::{Checks, Identity, RuleTexts};
use crate::router::Origin;
use crate::wire::info::VERSION;
use crate::wire::message::{Message, Payload};

pub(super) const SUBJECT: &[u8] = b"$SYS.REQ.USER.INFO";

/// The one account that there is.
const ACCOUNT: &str = "$G";

#[derive(Serialize)]
struct Answer<'a> {
    server: Server<'a>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Server<'a> {
    name: &'a str,
    host: String,
    id: &'a str,
    ver: &'a str,
    jetstream: bool,
    flags: u64,
    seq: u64,
    time: String,
}

#[derive(Serialize)]
struct Data<'a> {
    user: &'a str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    /// Nanoseconds that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

#[derive(Serialize)]
struct Permissions {
    #[serde(skip_serializing_if = "RuleTexts::is_empty")]
    publish: RuleTexts,
    #[serde(skip_serializing_if = "RuleTexts::is_empty")]
    subscribe: RuleTexts,
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<Responses>,
}

#[derive(Serialize)]
struct Responses {
    /// Below zero for any number.
    max: i64,
    /// Nanoseconds; below zero for ever.
    ttl: i64,
}

// ---------------------------------------------------------------------------------------------------------

impl Session {
    /// Tells the client who it is.
    pub(super) fn answer_user_info(&mut self, reply: &[u8]) {
        let now = SystemTime::now();
        let answer = Answer {
            server: Server {
                name: &self.info.server_name,
                host: self.client.local.ip().to_string(),
                id: &self.info.server_id,
                ver: VERSION,
                jetstream: self.info.jetstream,
                flags: 0,
                seq: 0,
                time: jiff::Timestamp::try_from(now)
                    .map_or_else(|_| String::new(), |time| time.to_string()),
            },
            data: Data::new(self.client.identity.get(), now),
        };
        let body = serde_json::to_vec(&answer)
            .expect("strings and numbers are always valid JSON, and writing to memory never fails");
        let message = Message {
            subject: reply,
            reply: None,
            header_len: None,
            payload: Payload::Borrowed(&body),
        };
        self.router
            .publish(Origin::Internal, reply, &message, &mut self.batch);
    }
}

impl<'a> Data<'a> {
    fn new(identity: Option<&'a Identity>, now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = |expires: u64| Duration::from_secs(expires).saturating_sub(now).as_nanos();
        let expires = identity.and_then(|identity| identity.expires);
        Self {
            user: identity.map_or("", |identity| &identity.name),
            account: ACCOUNT,
            permissions: identity
                .and_then(|identity| identity.checks.as_deref())
                .map(Permissions::from),
            expires: expires.map(|expires| u64::try_from(left(expires)).unwrap_or(u64::MAX)),
        }
    }
}

impl From<&Checks> for Permissions {
    fn from(checks: &Checks) -> Self {
        let (publish, subscribe) = checks.texts();
        Self {
            publish,
            subscribe,
            responses: checks.responses.map(|responses| Responses {
                max: responses
                    .messages_max
                    .map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX)),
                ttl: responses
                    .ttl
                    .map_or(-1, |ttl| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX)),
            }),
        }
    }
}
