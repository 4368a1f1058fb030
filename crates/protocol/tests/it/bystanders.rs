//! What else crosses a recorded lattice: frames of calls, JetStream, the policy service, and what is not of the dialect at
//! all. Its bodies are read elsewhere; here each message is found to be one that is known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::vectors::Message;

/// In the subject of a call.
const CALL_MARK: &str = ".wrpc.0.0.1.";
/// Subjects of messages that components send and get in the recording of capabilities.
const MESSAGING_PREFIX: &str = "caps.";
/// Streams that are an application manager's own.
const MANAGER_PREFIXES: [&str; 3] = ["wadm.cmd.", "wadm.evt.", "wadm.notify."];
const POLICY: &str = "wasmcloud.policy";
const STATUS: &str = "Status";
/// The header with the subject of what a stream holds.
const SUBJECT: &str = "Nats-Subject";

/// Who waits on a subject, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Waiting {
    /// A caller, for being let in and for results.
    Caller,
    /// A callee, for parameters.
    Callee,
    /// Somebody who asked the server.
    JetStream,
    /// A host that asked whether it may.
    Policy,
    /// Somebody who asked by way of a component.
    Messaging,
}

/// Follows who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Bystanders {
    waiting: BTreeMap<String, Waiting>,
    /// Subjects on which a value has ended: nothing comes after the end.
    ended: BTreeSet<String>,
}

// ===== impl Bystanders =====

impl Bystanders {
    /// What `message` is; `None` when nothing of the kind is known.
    pub(crate) fn recognise(&mut self, message: &Message) -> Option<&'static str> {
        let subject = message.subject.as_str();
        if let Some((root, path)) = frame(subject) {
            return self.recognise_frame(message, root, path);
        }
        if let Some(waiting) = self.waiting.get(subject).cloned() {
            return self.recognise_answer(message, &waiting);
        }
        let (waiting, kind) = recognise_request(message)?;
        if let (Some(waiting), Some(reply)) = (waiting, &message.reply) {
            self.waiting.insert(reply.clone(), waiting);
        }
        Some(kind)
    }

    /// A piece of parameters or results (spec §4.3).
    fn recognise_frame(
        &mut self,
        message: &Message,
        root: &str,
        path: &str,
    ) -> Option<&'static str> {
        let (side, indexes) = match path.split_once('.') {
            Some((side, indexes)) => (side, Some(indexes)),
            None => (path, None),
        };
        let expected = match side {
            "params" => Waiting::Callee,
            _ => Waiting::Caller,
        };
        assert_eq!(self.waiting.get(root), Some(&expected), "{path}");
        for index in indexes.into_iter().flat_map(|indexes| indexes.split('.')) {
            index.parse::<u32>().unwrap();
        }
        assert!(message.reply.is_none() && message.headers.is_empty());
        let place = message.subject.clone();
        assert!(!self.ended.contains(&place), "more after the end: {place}");
        if message.payload.is_empty() && !message.is_cut {
            self.ended.insert(place);
            return Some("end of a value");
        }
        Some(if indexes.is_some() {
            "piece of a stream or future"
        } else {
            "piece of a tuple"
        })
    }

    fn recognise_answer(&mut self, message: &Message, waiting: &Waiting) -> Option<&'static str> {
        match waiting {
            Waiting::Caller => {
                assert!(message.payload.is_empty() && message.headers.is_empty());
                self.waiting
                    .insert(message.reply.clone().unwrap(), Waiting::Callee);
                Some("acceptance of a call")
            }
            Waiting::Callee => None,
            Waiting::JetStream if message.headers.contains_key(STATUS) => {
                assert_eq!(message.headers[STATUS], "404");
                Some("nothing found")
            }
            Waiting::JetStream if message.headers.contains_key(SUBJECT) => Some("value of a key"),
            Waiting::JetStream => {
                let reply = object(message);
                let is_known = reply.get("type").map_or_else(
                    || reply["stream"].is_string() && reply["seq"].is_u64(),
                    |kind| {
                        kind.as_str()
                            .unwrap()
                            .starts_with("io.nats.jetstream.api.v1.")
                    },
                );
                is_known.then_some("answer of JetStream")
            }
            Waiting::Policy => {
                let reply = object(message);
                (reply["requestId"].is_string() && reply["permitted"].is_boolean())
                    .then_some("decision of a policy")
            }
            Waiting::Messaging => Some("answer of a component"),
        }
    }
}

/// What begins something.
fn recognise_request(message: &Message) -> Option<(Option<Waiting>, &'static str)> {
    let subject = message.subject.as_str();
    if let Some((_, function)) = subject.split_once(CALL_MARK) {
        assert!(function.contains('.') && message.reply.is_some());
        for name in message.headers.keys() {
            assert!(
                [
                    "source-id",
                    "target-id",
                    "link-name",
                    "traceparent",
                    "tracestate"
                ]
                .contains(&name.as_str()),
                "header `{name}`"
            );
        }
        return Some((Some(Waiting::Caller), "call"));
    }
    if subject.starts_with("$JS.API.") {
        return Some((Some(Waiting::JetStream), "request to JetStream"));
    }
    if subject.starts_with("$JS.EVENT.ADVISORY.") {
        let kind = object(message)["type"].clone();
        assert!(
            kind.as_str()
                .unwrap()
                .starts_with("io.nats.jetstream.advisory.v1.")
        );
        return Some((None, "advisory"));
    }
    if subject.starts_with("$KV.") {
        // The value itself is the dialect's.
        return Some((Some(Waiting::JetStream), "write or delivery of a key"));
    }
    if subject == POLICY {
        let request = object(message);
        assert!(request["kind"].is_string() && request["request"].is_object());
        return Some((Some(Waiting::Policy), "question to a policy"));
    }
    if subject.starts_with(MESSAGING_PREFIX) {
        return Some((Some(Waiting::Messaging), "message of a component"));
    }
    if MANAGER_PREFIXES
        .iter()
        .any(|prefix| subject.starts_with(prefix))
    {
        assert!(object(message).is_object());
        return Some((Some(Waiting::JetStream), "what a manager tells itself"));
    }
    if subject.starts_with("_INBOX.")
        && message
            .headers
            .get(STATUS)
            .is_some_and(|code| code == "100")
    {
        assert!(message.payload.is_empty());
        return Some((None, "idle heartbeat"));
    }
    None
}

/// Root and path of a message that belongs to a call.
fn frame(subject: &str) -> Option<(&str, &str)> {
    ["params", "results"].iter().find_map(|side| {
        let at = subject.find(&format!(".{side}"))?;
        let (root, path) = (&subject[..at], &subject[at + 1..]);
        let is_whole = path[side.len()..].is_empty() || path[side.len()..].starts_with('.');
        (subject.starts_with("_INBOX.") && is_whole).then_some((root, path))
    })
}

fn object(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}
