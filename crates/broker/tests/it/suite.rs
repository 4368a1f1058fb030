//! Behaviours, each written once: they hold for the broker and for the releases of nats-server alike. Where
//! releases differ, the behaviour says from which on. `docs/design/broker.md` tells how the suite is run.

mod api;
mod buckets;
mod objects;
mod publishes;
mod pulls;
mod pushes;
mod python;
mod queues;
mod raw;
mod refusals;
mod sources;
mod streams;
mod subjects;

use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Subscriber};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::server::{Server, within};

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;

/// A client that speaks to the API of streams in its own words.
struct Api {
    client: Client,
}

impl Api {
    async fn new(server: &Server) -> Self {
        Self {
            client: server.client().await,
        }
    }

    /// Sends a request, and returns the answer whatever it is.
    async fn ask(&self, path: &str, body: &str) -> Value {
        let subject = format!("$JS.API.{path}");
        let answer = within(self.client.request(subject, body.to_owned().into())).await;
        let answer = answer.unwrap_or_else(|error| panic!("{path} {body}: {error}"));
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// Sends a request that must succeed.
    async fn done(&self, path: &str, body: Value) -> Value {
        let answer = self.ask(path, &body.to_string()).await;
        assert!(answer["error"].is_null(), "{path} {body}: {answer}");
        answer
    }

    /// Sends a request that must be refused, and returns the status and the number of the error.
    async fn refused(&self, path: &str, body: &str) -> (u64, u64) {
        let answer = self.ask(path, body).await;
        let error = &answer["error"];
        let code = |name: &str| {
            error[name]
                .as_u64()
                .unwrap_or_else(|| panic!("{path} {body} is not refused: {answer}"))
        };
        (code("code"), code("err_code"))
    }

    /// Makes the stream `S` of the subjects `s.>`, in memory unless told otherwise.
    async fn stream(&self, more: Value) -> Value {
        let mut config = json!({ "name": "S", "subjects": ["s.>"], "storage": "memory" });
        merge(&mut config, more);
        self.done("STREAM.CREATE.S", config).await
    }

    /// Makes the durable consumer `c` of the stream `S` that is acknowledged message by message.
    async fn consumer(&self, more: Value) -> Value {
        let mut config = json!({ "durable_name": "c", "ack_policy": "explicit" });
        merge(&mut config, more);
        let body = json!({ "stream_name": "S", "config": config });
        self.done("CONSUMER.DURABLE.CREATE.S.c", body).await
    }

    /// Publishes, and returns the sequence that it got, or the number of the error.
    async fn publish(&self, subject: &str, headers: &[(&str, &str)]) -> Result<u64, u64> {
        let answer = self.publish_as(subject, "x", headers).await;
        match answer["error"]["err_code"].as_u64() {
            Some(error) => Err(error),
            None => Ok(answer["seq"].as_u64().unwrap()),
        }
    }

    async fn publish_as(&self, subject: &str, body: &str, headers: &[(&str, &str)]) -> Value {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let request = async_nats::Request::new()
            .headers(map)
            .payload(body.to_owned().into());
        let answer = within(self.client.send_request(subject.to_owned(), request)).await;
        serde_json::from_slice(&answer.unwrap().payload).unwrap()
    }

    /// Fills the stream `S` with `s.1`, `s.2`, and so on.
    async fn fill(&self, count: u64) {
        for number in 1..=count {
            assert_eq!(self.publish(&format!("s.{number}"), &[]).await, Ok(number));
        }
    }

    /// The state of the stream `S`.
    async fn state(&self) -> Value {
        self.done("STREAM.INFO.S", json!({})).await["state"].take()
    }

    /// What the server says of the consumer `c`.
    async fn consumer_info(&self) -> Value {
        self.done("CONSUMER.INFO.S.c", json!({})).await
    }

    /// Asks the consumer `c` for messages.
    async fn pull(&self, request: Value) -> Deliveries {
        self.pull_in_words(&request.to_string()).await
    }

    async fn pull_in_words(&self, request: &str) -> Deliveries {
        let inbox = self.client.new_inbox();
        let messages = self.client.subscribe(inbox.clone()).await.unwrap();
        self.client
            .publish_with_reply(
                "$JS.API.CONSUMER.MSG.NEXT.S.c",
                inbox,
                request.to_owned().into(),
            )
            .await
            .unwrap();
        Deliveries {
            client: self.client.clone(),
            messages,
        }
    }
}

/// What arrives in answer to a pull.
struct Deliveries {
    client: Client,
    messages: Subscriber,
}

impl Deliveries {
    async fn next(&mut self) -> Message {
        within(self.messages.next()).await.unwrap()
    }

    /// The next message, which must be one of the stream: its sequence there, and how often it was delivered.
    async fn message(&mut self) -> (u64, u64, Message) {
        let message = self.next().await;
        assert!(message.status.is_none(), "{message:?}");
        let (sequence, delivered) = position(&message);
        (sequence, delivered, message)
    }

    /// Expects messages with these sequences, and acknowledges none.
    async fn expect(&mut self, sequences: impl IntoIterator<Item = u64>) {
        for expected in sequences {
            let (sequence, _, message) = self.message().await;
            assert_eq!(sequence, expected, "{message:?}");
        }
    }

    /// Expects the end of the request, with this status and text.
    async fn expect_status(&mut self, status: u16, text: &str) {
        let message = self.next().await;
        let found = message.status.map(|status| status.as_u16());
        assert_eq!(
            (found, message.description.as_deref()),
            (Some(status), Some(text)),
            "{message:?}"
        );
    }

    /// Answers a message, without waiting for anything.
    async fn answer(&self, message: &Message, text: &str) {
        let reply = message.reply.clone().unwrap();
        self.client
            .publish(reply, text.to_owned().into())
            .await
            .unwrap();
    }

    /// Answers a message, and waits until the server has taken it.
    async fn settle(&self, message: &Message, text: &str) {
        let reply = message.reply.clone().unwrap();
        let taken = within(self.client.request(reply, text.to_owned().into())).await;
        assert_eq!(taken.unwrap().payload, "");
    }
}

/// The sequence of a delivered message in its stream, and how often it was delivered, as its reply subject says.
fn position(message: &Message) -> (u64, u64) {
    let reply = message
        .reply
        .as_ref()
        .expect("it is acknowledged somewhere");
    let tokens: Vec<&str> = reply.split('.').collect();
    // `$JS.ACK.{stream}.{consumer}.{delivered}.{stream sequence}.{consumer sequence}.{time}.{pending}`
    let [.., delivered, stream, _, _, _] = tokens.as_slice() else {
        panic!("{reply} is no place for acknowledgements");
    };
    (stream.parse().unwrap(), delivered.parse().unwrap())
}

/// Puts the fields of the second object into the first.
fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// Expects that nothing comes from a subscription, though everything that was sent before has been handled.
async fn expect_silence(messages: &mut Subscriber) {
    let nothing = tokio::time::timeout(Duration::from_millis(30), messages.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}
