//! Messaging over NATS: what components send goes to NATS, and what comes on subjects of NATS goes to components.
//!
//! The config of the provider says where NATS is: `url`. A link of the provider to a component says in the provider's end which
//! `subscriptions` it brings: subjects with commas between them, each with `|` and a queue group if there is one.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::{task::JoinSet, time::timeout};
use weft_provider::messaging::{self, BrokerMessage, Consumer, handle_message};
use weft_provider::{
    Call, Caller, Component, Exports, HookResult, Link, LinkRole, Provider, Start,
};

/// What is brought to each component, by its id and the name of the link.
type Running = BTreeMap<(String, String), JoinSet<()>>;

#[derive(Default)]
struct Nats {
    ends: OnceLock<(Client, Caller)>,
    running: Mutex<Running>,
}

impl Provider for Nats {
    async fn init(&self, start: Start) -> HookResult {
        let url = start
            .config
            .get("url")
            .map_or("nats://127.0.0.1:4222", String::as_str);
        let client = async_nats::connect(url).await?;
        let _ = self.ends.set((client, start.caller));
        Ok(())
    }
    fn exports(self: Arc<Self>) -> Exports {
        messaging::exports(self)
    }
    async fn link_put(&self, link: Arc<Link>) -> HookResult {
        // Links by which components send need nothing: they are told apart by their role alone.
        if link.role != LinkRole::Source {
            return Ok(());
        }
        let (client, caller) = self.ends.get().ok_or("the provider has not begun")?;
        let mut tasks = JoinSet::new();
        let subjects = link.config.get("subscriptions").map_or("", String::as_str);
        for subject in subjects.split(',').filter(|subject| !subject.is_empty()) {
            let messages = match subject.trim().split_once('|') {
                Some((subject, group)) => {
                    client
                        .queue_subscribe(subject.to_owned(), group.to_owned())
                        .await?
                }
                None => client.subscribe(subject.trim().to_owned()).await?,
            };
            tasks.spawn(bring(messages, caller.component(&link.peer)));
        }
        client.flush().await?;
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((link.peer.clone(), link.name.clone()), tasks);
        Ok(())
    }
    async fn link_delete(&self, link: Arc<Link>) -> HookResult {
        if link.role != LinkRole::Source {
            return Ok(());
        }
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(link.peer.clone(), link.name.clone()));
        Ok(())
    }
}

impl Consumer for Nats {
    async fn request(
        &self,
        _: &Call,
        subject: String,
        body: Bytes,
        timeout_ms: u32,
    ) -> Result<BrokerMessage, String> {
        let (client, _) = self.ends.get().ok_or("the provider has not begun")?;
        let asked = timeout(
            Duration::from_millis(timeout_ms.into()),
            client.request(subject, body),
        )
        .await;
        let answer = asked.map_err(|_| "no answer came in time")?;
        answer.map(to_component).map_err(|error| error.to_string())
    }
    async fn publish(&self, _: &Call, message: BrokerMessage) -> Result<(), String> {
        let (client, _) = self.ends.get().ok_or("the provider has not begun")?;
        let sent = match message.reply_to {
            Some(reply_to) => {
                client
                    .publish_with_reply(message.subject, reply_to, message.body)
                    .await
            }
            None => client.publish(message.subject, message.body).await,
        };
        sent.map_err(|error| error.to_string())
    }
}

fn to_component(message: Message) -> BrokerMessage {
    BrokerMessage {
        subject: message.subject.to_string(),
        body: message.payload,
        reply_to: message.reply.map(|reply| reply.to_string()),
    }
}

/// Brings messages to a component, one after the other.
async fn bring(mut messages: Subscriber, component: Component) {
    while let Some(message) = messages.next().await {
        match handle_message(&component, to_component(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(text)) => tracing::warn!(text, "Component refuses a message"),
            Err(error) => tracing::warn!(%error, "Component cannot be called"),
        }
    }
}

fn main() -> ExitCode {
    weft_provider::main(Nats::default())
}
