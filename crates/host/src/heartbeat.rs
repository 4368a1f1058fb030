//! Heartbeats: what runs here, told every so often.

use std::time::Duration;

use tokio::time::{self, Instant};
use weft_protocol::event::Data;
use weft_runtime::Shutdown;

use crate::core::Core;

/// Publishes an inventory every `interval`, the first one interval from now (spec §2), until the host stops: none may come
/// after it has said so.
pub(crate) async fn run(core: &Core, interval: Duration, stop: &Shutdown) {
    let mut timer = time::interval_at(Instant::now() + interval, interval);
    timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    while stop.or(timer.tick()).await.is_some() {
        let (inventory, is_short) = core.told_inventory();
        if is_short {
            tracing::warn!("Heartbeat without problems, with them it would not fit into a message");
        }
        core.publish(Data::HostHeartbeat(inventory)).await;
    }
}
