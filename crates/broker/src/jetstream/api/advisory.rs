//! Announcements of what happens to streams and consumers, for whoever listens.

use bytes::Bytes;
use serde::Serialize;

use super::{join, to_json};
use crate::jetstream::clock::Now;
use crate::jetstream::consumer::Notice;
use crate::jetstream::names::ADVISORY_PREFIX;
use crate::jetstream::{Engine, Outgoing};
use crate::storage::StreamId;

const TYPE_PREFIX: &str = "io.nats.jetstream.advisory.v1.";

/// Length of the id of an announcement.
const ID_LEN: usize = 22;

/// What was done to a stream or consumer.
#[derive(Debug, Clone, Copy)]
pub(in crate::jetstream) enum Action {
    Create,
    Modify,
    Delete,
}

/// What every announcement begins with.
#[derive(Serialize)]
struct Head {
    r#type: String,
    id: String,
    timestamp: String,
}

/// What it is about.
#[derive(Default, Serialize)]
struct Fields<'a> {
    stream: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a String>,
}

// ---------------------------------------------------------------------------------------------------------

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Modify => "modify",
            Self::Delete => "delete",
        }
    }

    fn token(self) -> &'static str {
        match self {
            Self::Create => "CREATED",
            Self::Modify => "UPDATED",
            Self::Delete => "DELETED",
        }
    }
}

pub(in crate::jetstream) fn stream_action(
    engine: &mut Engine,
    now: Now,
    stream: &str,
    action: Action,
) {
    let subject = format!("{ADVISORY_PREFIX}STREAM.{}.{stream}", action.token());
    let fields = Fields {
        stream,
        action: Some(action.name()),
        ..Fields::default()
    };
    announce(engine, now, None, &subject, "stream_action", &fields);
}

pub(in crate::jetstream) fn consumer_action(
    engine: &mut Engine,
    now: Now,
    id: StreamId,
    consumer: &str,
    action: Action,
) {
    let Some(stream) = engine.streams.get(&id).map(|slot| slot.name.clone()) else {
        return;
    };
    let subject = format!(
        "{ADVISORY_PREFIX}CONSUMER.{}.{stream}.{consumer}",
        action.token()
    );
    let fields = Fields {
        stream: &stream,
        consumer: Some(consumer),
        action: Some(action.name()),
        ..Fields::default()
    };
    announce(engine, now, Some(id), &subject, "consumer_action", &fields);
}

pub(in crate::jetstream) fn consumer_notice(
    engine: &mut Engine,
    now: Now,
    id: StreamId,
    consumer: &str,
    notice: &Notice,
) {
    let Some(stream) = engine.streams.get(&id).map(|slot| slot.name.clone()) else {
        return;
    };
    let mut fields = Fields {
        stream: &stream,
        consumer: Some(consumer),
        ..Fields::default()
    };
    let (token, kind) = match notice {
        Notice::MaxDeliveries {
            stream_seq,
            deliveries,
        } => {
            fields.stream_seq = Some(*stream_seq);
            fields.deliveries = Some(*deliveries);
            ("MAX_DELIVERIES", "max_deliver")
        }
        Notice::Naked {
            stream_seq,
            consumer_seq,
            deliveries,
        } => {
            fields.consumer_seq = Some(*consumer_seq);
            fields.stream_seq = Some(*stream_seq);
            fields.deliveries = Some(*deliveries);
            ("MSG_NAKED", "nak")
        }
        Notice::Terminated {
            stream_seq,
            consumer_seq,
            deliveries,
            reason,
        } => {
            fields.consumer_seq = Some(*consumer_seq);
            fields.stream_seq = Some(*stream_seq);
            fields.deliveries = Some(*deliveries);
            fields.reason = Some(reason).filter(|reason| !reason.is_empty());
            ("MSG_TERMINATED", "terminated")
        }
    };
    let subject = format!("{ADVISORY_PREFIX}CONSUMER.{token}.{stream}.{consumer}");
    announce(engine, now, Some(id), &subject, kind, &fields);
}

/// Sends an announcement, if anyone listens.
fn announce(
    engine: &mut Engine,
    now: Now,
    about: Option<StreamId>,
    subject: &str,
    kind: &str,
    fields: &Fields<'_>,
) {
    if !engine.router.has_interest(subject.as_bytes()) {
        return;
    }
    let head = Head {
        r#type: format!("{TYPE_PREFIX}{kind}"),
        id: engine.entropy.text(ID_LEN),
        timestamp: now.wall.render(),
    };
    let body = join(&to_json(&head), &to_json(fields));
    let outgoing = Outgoing::plain(Bytes::copy_from_slice(subject.as_bytes()), body);
    match about {
        Some(id) => engine.send_about(id, outgoing),
        None => engine.send_at_once(outgoing),
    }
}
