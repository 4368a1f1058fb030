//! Heartbeats: what runs here, told every so often.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{self, Instant};
use weft_protocol::event::Data;

use crate::core::Core;

/// Publishes an inventory every `interval`, the first one interval from now (spec §2).
pub(crate) async fn run(core: Arc<Core>, interval: Duration) {
    let shutdown = core.tasks.shutdown();
    let mut timer = time::interval_at(Instant::now() + interval, interval);
    timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    while shutdown.or(timer.tick()).await.is_some() {
        core.publish(Data::HostHeartbeat(core.inventory())).await;
    }
}
