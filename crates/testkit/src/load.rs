//! A steady load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::http::{self, Connection};
use crate::wait::eventually;

/// How many request streams make the load: half of them on a connection that is kept, half on a new one each time.
const STREAMS: u32 = 4;

/// Requests at a steady rate, until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    streams: JoinSet<()>,
    outcome: Arc<Mutex<Outcome>>,
}

/// What became of the requests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// How many were answered with 200.
    pub answered: usize,
    /// What was answered otherwise, and how often.
    pub failures: BTreeMap<String, usize>,
}

// ===== impl Load =====

impl Load {
    /// Sends `per_second` requests for `target`.
    pub fn start(address: SocketAddr, target: &'static str, per_second: u32) -> Self {
        let (stop, stopped) = watch::channel(false);
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let period = Duration::from_secs(1) * STREAMS / per_second;
        let mut streams = JoinSet::new();
        for stream in 0..STREAMS {
            let (stopped, outcome) = (stopped.clone(), Arc::clone(&outcome));
            streams.spawn(async move {
                let mut kept = None;
                let mut timer = interval(period);
                timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while !*stopped.borrow() {
                    timer.tick().await;
                    let answer = ask(&mut kept, address, target, stream % 2 == 0).await;
                    let mut outcome = outcome.lock().unwrap();
                    match answer {
                        Ok(()) => outcome.answered += 1,
                        Err(failure) => *outcome.failures.entry(failure).or_default() += 1,
                    }
                }
            });
        }
        Self {
            stop,
            streams,
            outcome,
        }
    }

    /// Waits until so many more requests were answered, well or not.
    pub async fn answers(&self, more: usize) {
        let count = || {
            let outcome = self.outcome.lock().unwrap();
            outcome.answered + outcome.failures.values().sum::<usize>()
        };
        let wanted = count() + more;
        eventually(async || {
            let seen = count();
            if seen >= wanted { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// Ends it, after the answers that are under way.
    pub async fn stop(mut self) -> Outcome {
        self.stop.send_replace(true);
        while let Some(ended) = self.streams.join_next().await {
            ended.unwrap();
        }
        self.outcome.lock().unwrap().clone()
    }
}

async fn ask(
    kept: &mut Option<Connection>,
    address: SocketAddr,
    target: &str,
    keeps: bool,
) -> Result<(), String> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => Connection::open(address)
            .await
            .map_err(|error| error.to_string())?,
    };
    let http::Answer { status, body } = connection
        .get(target)
        .await
        .map_err(|error| error.to_string())?;
    if status != 200 {
        return Err(format!("{status}: {}", body.trim()));
    }
    if keeps {
        *kept = Some(connection);
    }
    Ok(())
}
