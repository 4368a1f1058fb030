//! The JetStream API: requests in, JSON answers out. One file per request.

mod account_info;
pub(super) mod advisory;
mod consumer_create;
mod consumer_delete;
mod consumer_info;
mod consumer_list;
mod direct_get;
mod message_delete;
mod message_get;
mod message_next;
mod stream_create;
mod stream_delete;
mod stream_info;
mod stream_list;
mod stream_purge;
mod stream_update;
mod views;

pub(super) use account_info::reserved as reserved_bytes;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::clock::Now;
use super::config::parse_object;
use super::engine::ConsumerKey;
use super::names::API_PREFIX;
use super::{ApiError, Engine, Outgoing};
use crate::router::Ingest;
use crate::storage::StreamId;

/// First part of the type of every answer.
const TYPE_PREFIX: &str = "io.nats.jetstream.api.v1.";

/// The fields of an answer that says only that something was done.
const SUCCESS: &str = r#"{"success":true}"#;

/// The page of an answer that is an error.
const NO_PAGE: &str = r#"{"total":0,"offset":0,"limit":0}"#;

/// One request.
struct Request<'a> {
    /// What follows `$JS.API.` in the subject.
    path: &'a str,
    reply: Option<Bytes>,
    body: Bytes,
}

/// A stream as the API shows it.
pub(super) fn stream_value(engine: &Engine, now: Now, id: StreamId) -> Option<Value> {
    let text = views::stream(engine, now, id, views::Details::default())?;
    serde_json::from_str(&text).ok()
}

/// A consumer as the API shows it.
pub(super) fn consumer_value(engine: &Engine, now: Now, key: ConsumerKey) -> Option<Value> {
    serde_json::from_str(&views::consumer(engine, now, key)?).ok()
}

/// The text of a JSON object. Text, because the order of its fields is part of what clients are used to.
type Json = String;

/// An answer of the API.
struct Answer {
    /// Last part of its type.
    kind: &'static str,
    result: Result<Json, ApiError>,
    /// Fields that are there even where the result is an error.
    fixed: &'static str,
    /// The stream it is about, so that it keeps its place among the answers of that stream.
    stream: Option<StreamId>,
}

/// One page of a list.
#[derive(Debug, Clone, Copy, Serialize)]
struct Page {
    total: usize,
    offset: usize,
    limit: usize,
}

// ---------------------------------------------------------------------------------------------------------

impl Engine {
    /// Answers one request.
    pub(super) fn serve_api(&mut self, now: Now, ingest: &Ingest) {
        let Some(path) = str::from_utf8(&ingest.subject)
            .ok()
            .and_then(|subject| subject.strip_prefix(API_PREFIX))
        else {
            return;
        };
        let request = Request {
            path,
            reply: ingest.reply.clone(),
            body: ingest.payload.slice(ingest.header_len..),
        };
        let tokens: Vec<&str> = path.splitn(4, '.').collect();
        // These answer with messages instead of JSON.
        match tokens.as_slice() {
            ["DIRECT", "GET", ..] => return direct_get::serve(self, &request),
            ["CONSUMER", "MSG", "NEXT", names] => {
                return message_next::serve(self, now, names, &request);
            }
            _ => {}
        }
        let answer = self.dispatch(now, &tokens, &request);
        self.api_total += 1;
        self.api_errors += u64::from(answer.result.is_err());
        if let Some(reply) = request.reply {
            let stream = answer.stream;
            let outgoing = Outgoing::plain(reply, answer.render());
            match stream {
                Some(id) => self.send_about(id, outgoing),
                None => self.send_at_once(outgoing),
            }
        }
    }

    fn dispatch(&mut self, now: Now, tokens: &[&str], request: &Request<'_>) -> Answer {
        match tokens {
            ["INFO"] => account_info::serve(self),
            ["STREAM", "NAMES"] => stream_list::names(self, request),
            ["STREAM", "LIST"] => stream_list::list(self, now, request),
            ["STREAM", "CREATE", name] => stream_create::serve(self, now, name, request),
            ["STREAM", "UPDATE", name] => stream_update::serve(self, now, name, request),
            ["STREAM", "INFO", name] => stream_info::serve(self, now, name, request),
            ["STREAM", "DELETE", name] => stream_delete::serve(self, now, name, request),
            ["STREAM", "PURGE", name] => stream_purge::serve(self, now, name, request),
            ["STREAM", "MSG", "GET", name] => message_get::serve(self, name, request),
            ["STREAM", "MSG", "DELETE", name] => message_delete::serve(self, now, name, request),
            ["CONSUMER", "CREATE", ..] | ["CONSUMER", "DURABLE", "CREATE", ..] => {
                consumer_create::serve(self, now, request)
            }
            ["CONSUMER", "NAMES", stream] => consumer_list::names(self, stream, request),
            ["CONSUMER", "LIST", stream] => consumer_list::list(self, now, stream, request),
            ["CONSUMER", "INFO", stream, name] => {
                consumer_info::serve(self, now, stream, name, request)
            }
            ["CONSUMER", "DELETE", stream, name] => {
                consumer_delete::serve(self, now, stream, name, request)
            }
            _ => Answer::refusal("system_response", not_offered(request.path)),
        }
    }
}

impl Request<'_> {
    /// The JSON object of the request. An absent one counts as empty.
    fn object(&self) -> Result<Map<String, Value>, ApiError> {
        parse_object(&self.body)
    }

    /// Refuses a request that must be empty and is not.
    fn expect_empty(&self) -> Result<(), ApiError> {
        match self.object() {
            Ok(object) if object.is_empty() => Ok(()),
            _ => Err(ApiError::NOT_EMPTY_REQUEST),
        }
    }
}

impl Answer {
    fn new(kind: &'static str, result: Result<Json, ApiError>) -> Self {
        Self {
            kind,
            result,
            fixed: "{}",
            stream: None,
        }
    }

    fn refusal(kind: &'static str, error: ApiError) -> Self {
        Self::new(kind, Err(error))
    }

    /// The same, with fields that are there even where the result is an error.
    fn with_fixed(mut self, fields: &'static str) -> Self {
        self.fixed = fields;
        self
    }

    /// The same, in order with the answers of a stream.
    fn about(mut self, stream: Option<StreamId>) -> Self {
        self.stream = stream;
        self
    }

    /// The answer as text: its type first, then the error or the fields of the result.
    fn render(self) -> Json {
        let kind = format!(r#"{{"type":"{TYPE_PREFIX}{}"}}"#, self.kind);
        match self.result {
            Ok(fields) => join(&kind, &fields),
            Err(error) => {
                let error = format!(r#"{{"error":{}}}"#, to_json(&error));
                join(&join(&kind, &error), self.fixed)
            }
        }
    }
}

impl Page {
    /// The page that a request with this offset gets, of `total` things.
    fn at(object: &Map<String, Value>, total: usize, limit: usize) -> Result<Self, ApiError> {
        let offset = match object.get("offset") {
            None | Some(Value::Null) => 0,
            Some(value) => value.as_u64().ok_or(ApiError::INVALID_JSON)?,
        };
        Ok(Self {
            total,
            offset: usize::try_from(offset).unwrap_or(usize::MAX).min(total),
            limit,
        })
    }

    fn of<T>(self, things: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        things.skip(self.offset).take(self.limit)
    }
}

fn to_json(value: &impl Serialize) -> Json {
    serde_json::to_string(value).expect(
        "answers are made of strings, numbers, lists and maps with string keys, which are always valid JSON",
    )
}

/// An object with the fields of both objects.
fn join(first: &str, second: &str) -> Json {
    let first = first.strip_suffix('}').unwrap_or(first);
    let second = second.strip_prefix('{').unwrap_or(second);
    let comma = if first == "{" || second == "}" {
        ""
    } else {
        ","
    };
    format!("{first}{comma}{second}")
}

fn not_offered(path: &str) -> ApiError {
    ApiError {
        description: format!(
            "bad request: {path:?} is not offered by the embedded server; nats-server may offer it"
        )
        .into(),
        ..ApiError::BAD_REQUEST
    }
}
