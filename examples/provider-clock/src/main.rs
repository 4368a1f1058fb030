//! A provider that calls components: every component that it is linked to gets a message now and then.
//!
//! It is the source of its links, for `wasmcloud:messaging/handler`. The config of its end of a link says when: `every-ms`, 1000
//! unless it says so. The body of a message is its number.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use weft_provider::messaging::{BrokerMessage, handle_message};
use weft_provider::{Caller, Component, HookResult, Link, LinkRole, Provider, Start};

/// The id of a component and the name of the link to it.
type Key = (String, String);

#[derive(Default)]
struct Clock {
    caller: OnceLock<Caller>,
    running: Mutex<BTreeMap<Key, JoinHandle<()>>>,
}

impl Clock {
    /// Ends what runs for a link, and keeps what runs from now on.
    fn replace(&self, link: &Link, next: Option<JoinHandle<()>>) {
        let key = (link.peer.clone(), link.name.clone());
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = running.remove(&key) {
            before.abort();
        }
        running.extend(next.map(|next| (key, next)));
    }
}

impl Provider for Clock {
    async fn init(&self, start: Start) -> HookResult {
        let _ = self.caller.set(start.caller);
        Ok(())
    }

    async fn link_put(&self, link: Arc<Link>) -> HookResult {
        if link.role != LinkRole::Source || !link.is_of("wasmcloud", "messaging", "handler") {
            return Err("the clock is only linked to `wasmcloud:messaging/handler`".into());
        }
        let every_ms = link.config.get("every-ms").map_or("1000", String::as_str);
        let every = Duration::from_millis(every_ms.parse::<u64>()?.max(1));
        let caller = self.caller.get().ok_or("the clock has not begun")?;
        let ticking = tick(caller.component(&link.peer), every);
        self.replace(&link, Some(tokio::spawn(ticking)));
        Ok(())
    }

    async fn link_delete(&self, link: Arc<Link>) -> HookResult {
        self.replace(&link, None);
        Ok(())
    }
}

async fn tick(component: Component, every: Duration) {
    let mut times = interval(every);
    times.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 1_u64.. {
        times.tick().await;
        let message = BrokerMessage {
            subject: "clock".to_owned(),
            body: number.to_string().into(),
            reply_to: None,
        };
        if let Err(error) = handle_message(&component, message).await {
            tracing::warn!(%error, "Component cannot be called");
        }
    }
}

fn main() -> ExitCode {
    weft_provider::main(Clock::default())
}
