//! The life of a provider (spec §5.4).
//!
//! ```text
//! connect → follow subjects → init → links of the host data → serve calls ─┬→ drain calls → shutdown → answer the host
//!                └─ health is answered from here on                        └─ links and configs as they change
//! ```
//!
//! Whoever asks for the end before calls are served skips what is in between.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};
use weft_lattice::{Credentials, Headers, Lattice, RequestError};
use weft_model::problem::render_chain;
use weft_protocol::json;
use weft_protocol::provider::{HealthReply, HostData};
use weft_protocol::wire;
use weft_runtime::{Shutdown, TaskKind, Tasks, field};
use weft_wrpc::subject::SubjectError;
use weft_wrpc::{Endpoint, Prefix, ServeError, ServeOptions};

use crate::apply::Applier;
use crate::caller::Caller;
use crate::command::{Changes, Commands, Stop, Stops};
use crate::error::Error;
use crate::hook::{self, HookError};
use crate::host_data::Setup;
use crate::links::Links;
use crate::options::Options;
use crate::provider::{Health, Provider, Start};
use crate::secrets::Secrets;

/// What is told of the health until calls are served.
const STARTING: &str = "the provider is starting";
/// How long tasks may take that have nothing left to do.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);

struct Life<P> {
    provider: Arc<P>,
    setup: Arc<Setup>,
    options: Arc<Options>,
    lattice: Lattice,
    endpoint: Endpoint,
    links: Links,
    /// Ends with the provider.
    tasks: Tasks,
}

/// Runs a provider with the given host data, until the host or `signal` asks for the end: as [`run`](crate::run) does, for
/// programs and tests that have the host data from elsewhere. Installs no logs and hears no signals.
///
/// # Errors
///
/// See [`Error`].
pub async fn run_with<P: Provider>(
    provider: P,
    data: HostData,
    options: Options,
    signal: Shutdown,
) -> Result<(), Error> {
    let setup = Setup::new(data)?;
    let tasks = Tasks::new();
    let lattice = Lattice::connect(connect_options(&setup), &tasks).await?;
    let life = async {
        let commands = Commands::follow(&lattice, &setup, signal).await?;
        let wrpc = weft_wrpc::Options {
            buffer_bytes_max: options.buffer_bytes_max,
            ..weft_wrpc::Options::default()
        };
        let life = Life {
            provider: Arc::new(provider),
            setup: Arc::new(setup),
            options: Arc::new(options),
            endpoint: Endpoint::new(lattice.nats().clone(), &tasks, wrpc).await?,
            lattice: lattice.clone(),
            links: Links::default(),
            tasks: tasks.clone(),
        };
        life.run(commands).await
    };
    // Boxed, as what the provider does in it may be of any size.
    let result = Box::pin(life).await;
    lattice.close().await;
    tasks.drain(SETTLE_TIMEOUT).await;
    result
}

fn connect_options(setup: &Setup) -> weft_lattice::Options {
    let data = &setup.data;
    let mut options = weft_lattice::Options::default();
    options.urls = data.lattice_rpc_url.split(',').map(str::to_owned).collect();
    options.lattice = setup.lattice.clone();
    options.client_name = setup.provider.to_string();
    let (jwt, seed) = (&data.lattice_rpc_user_jwt, &data.lattice_rpc_user_seed);
    // Hosts of 1.9 give one of them empty where they have no user.
    if !jwt.is_empty() && !seed.is_empty() {
        options.credentials = Credentials::Jwt {
            jwt: jwt.clone(),
            seed: weft_lattice::Secret::new(seed.clone()),
        };
    }
    options
}

// ===== impl Life =====

impl<P: Provider> Life<P> {
    async fn run(self, commands: Commands) -> Result<(), Error> {
        let Commands {
            changes,
            health,
            mut stops,
        } = commands;
        let (started, is_started) = watch::channel(false);
        let answering = answer_health(
            health,
            Arc::clone(&self.provider),
            self.lattice.clone(),
            self.options.health_timeout,
            is_started,
        );
        self.tasks
            .spawn(TaskKind::Helper, "provider health", answering);
        let applier = tokio::select! {
            biased;
            stop = stops.next() => {
                info!("Provider ends before it has begun");
                return self.leave(stop, Vec::new()).await;
            }
            applier = self.begin() => applier?,
        };
        self.serve(applier, changes, stops, started).await
    }

    /// Lets the provider begin, and tells it the links that the host knew at the start.
    async fn begin(&self) -> Result<Applier<P>, Error> {
        let data = &self.setup.data;
        let provider = self.setup.provider.to_string();
        let caller = Caller::new(
            self.endpoint.clone(),
            self.setup.lattice.to_string(),
            provider.clone(),
        );
        let start = Start {
            provider_id: provider.clone(),
            host_id: data.host_id.clone(),
            lattice: self.setup.lattice.to_string(),
            instance_id: data.instance_id.clone(),
            config: data.config.clone(),
            secrets: Secrets::new(data.secrets.clone()),
            caller,
        };
        let init = self.provider.init(start);
        match hook::run(self.options.init_timeout, init).await {
            Ok(()) => {}
            Err(HookError::TimedOut { limit }) => {
                return Err(Error::InitTimeout { provider, limit });
            }
            Err(HookError::Failed(source)) => return Err(Error::Init { provider, source }),
            Err(error @ HookError::Panicked { .. }) => {
                let source = error.into();
                return Err(Error::Init { provider, source });
            }
        }
        let applier = Applier {
            provider: Arc::clone(&self.provider),
            setup: Arc::clone(&self.setup),
            options: Arc::clone(&self.options),
            links: self.links.clone(),
            config: data.config.clone(),
        };
        for definition in &data.link_definitions {
            applier.put(definition.clone()).await;
        }
        Ok(applier)
    }

    /// Serves calls and acts upon changes until somebody asks for the end, and ends.
    async fn serve(
        self,
        applier: Applier<P>,
        changes: Changes,
        mut stops: Stops,
        started: watch::Sender<bool>,
    ) -> Result<(), Error> {
        let work = Tasks::new();
        let (receiver, fill) = changes.queue();
        work.spawn(TaskKind::Helper, "provider commands", fill);
        let apply = applier.run(receiver, work.shutdown());
        work.spawn(TaskKind::Worker, "provider changes", apply);

        let exports = Arc::clone(&self.provider).exports();
        let (exports, handlers) = exports.into_parts(self.links.clone())?;
        let lattice = self.setup.lattice.as_str();
        let prefix = Prefix::new(lattice, self.setup.provider.as_str());
        let prefix = prefix.map_err(unservable)?;
        let no_more_calls = Shutdown::default();
        let serve = ServeOptions {
            concurrent_max: self.options.concurrent_calls_max,
            execution_timeout: self.options.call_timeout,
            shutdown: no_more_calls.clone(),
            ..ServeOptions::default()
        };
        let functions = exports.len();
        let exports = self.endpoint.serve(&prefix, exports, serve).await?;
        self.lattice.flush().await?;
        // Who asks is told from now on what the provider says.
        let _ = started.send(true);
        info!(
            { field::PROVIDER_ID } = %self.setup.provider,
            { field::HOST_ID } = self.setup.data.host_id,
            functions,
            "Provider serves"
        );

        let calls = Tasks::new();
        let running = calls.clone();
        let (ended, dispatched) = oneshot::channel::<()>();
        let serving = async move {
            handlers.run(exports, &running).await;
            drop(ended);
        };
        self.tasks.spawn(TaskKind::Job, "provider calls", serving);
        let stop = stops.next().await;
        no_more_calls.request();
        info!("Provider is asked to end");
        let changing = work.drain(SETTLE_TIMEOUT);
        let draining = self.drain(&stop, &mut stops, dispatched, &calls);
        let (replies, _) = tokio::join!(draining, changing);
        self.end(stop, replies).await
    }

    /// Waits until no call runs any more, or as long as they may. Answers where else the host wants to be told of the end.
    async fn drain(
        &self,
        stop: &Stop,
        stops: &mut Stops,
        dispatched: oneshot::Receiver<()>,
        calls: &Tasks,
    ) -> Vec<String> {
        let mut replies = Vec::new();
        let signal = stops.signal();
        let mut is_hurried = matches!(stop, Stop::Signal);
        let limit = match stop {
            Stop::Host { .. } => self.options.drain_timeout,
            Stop::Signal => self.options.signal_timeout,
            // Nobody can be answered any more.
            Stop::Closed => Duration::ZERO,
        };
        let mut deadline = Instant::now() + limit;
        let finished = async {
            // What was delivered before the subscriptions ended is taken, and then waited for.
            let _ = dispatched.await;
            calls.drain(Duration::MAX).await;
        };
        tokio::pin!(finished);
        loop {
            tokio::select! {
                () = &mut finished => return replies,
                () = sleep_until(deadline) => break,
                () = signal.requested(), if !is_hurried => {
                    is_hurried = true;
                    deadline = deadline.min(Instant::now() + self.options.signal_timeout);
                }
                reply = stops.next_of_host() => replies.push(reply),
            }
        }
        let aborted = calls.drain(Duration::ZERO).await.aborted.len();
        warn!(calls = aborted, "Calls took too long and were given up");
        replies
    }

    /// Ends the provider, and tells the host.
    async fn end(&self, stop: Stop, replies: Vec<String>) -> Result<(), Error> {
        let shutdown = self.provider.shutdown();
        if let Err(error) = hook::run(self.options.shutdown_timeout, shutdown).await {
            warn!(
                { field::ERROR } = render_chain(&error),
                "Provider did not end cleanly"
            );
        }
        self.leave(stop, replies).await
    }

    /// Tells the host that nothing is left to do.
    async fn leave(&self, stop: Stop, mut replies: Vec<String>) -> Result<(), Error> {
        match stop {
            Stop::Host { reply } => replies.push(reply),
            Stop::Signal => {}
            Stop::Closed => return Err(Error::Closed),
        }
        if let Err(error) = self.tell(&replies).await {
            warn!(
                { field::ERROR } = render_chain(&error),
                "Host was not told that the provider ends"
            );
        }
        Ok(())
    }

    async fn tell(&self, replies: &[String]) -> Result<(), RequestError> {
        for reply in replies {
            let text = Bytes::from_static(wire::SHUTDOWN_REPLY.as_bytes());
            self.lattice.publish(reply, &Headers::new(), text).await?;
        }
        self.lattice.flush().await
    }
}

fn unservable(source: SubjectError) -> Error {
    Error::Serve(ServeError::Subject {
        instance: String::new(),
        source,
    })
}

/// Answers questions for the health until the connection is closed.
async fn answer_health<P: Provider>(
    mut questions: crate::command::Health,
    provider: Arc<P>,
    lattice: Lattice,
    limit: Duration,
    is_started: watch::Receiver<bool>,
) {
    while let Some(reply) = questions.next().await {
        let health = if *is_started.borrow() {
            let health = async { Ok::<_, crate::error::BoxError>(provider.health().await) };
            let health = hook::run(limit, health).await;
            health.unwrap_or_else(|error| Health::Unhealthy(error.to_string()))
        } else {
            Health::Unhealthy(STARTING.to_owned())
        };
        let answer = match health {
            Health::Healthy => HealthReply {
                healthy: true,
                message: None,
            },
            Health::Unhealthy(message) => HealthReply {
                healthy: false,
                message: Some(message),
            },
        };
        let answer = Bytes::from(json::encode(&answer));
        if let Err(error) = lattice.publish(&reply, &Headers::new(), answer).await {
            warn!(
                { field::ERROR } = render_chain(&error),
                "Host was not told of the health"
            );
        }
    }
}
