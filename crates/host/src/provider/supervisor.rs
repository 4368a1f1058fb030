//! The task of one provider: it does what the supervision says, and tells it what happens.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{self, Instant};
use weft_artifact::claims::Claims;
use weft_lattice::{Message, Subscription};
use weft_model::id::{EntityId, ProviderId};
use weft_model::labels::Annotations;
use weft_protocol::json;
use weft_protocol::provider::LinkDefinition;
use weft_protocol::subject::ProviderMessage;
use weft_runtime::{Shutdown, TaskKind, field};

use super::brief::Brief;
use super::executable::Executable;
use super::host_data::Origin;
use super::report;
use super::running::Running;
use super::status::Status;
use super::supervision::{Effect, Exit, Input, Probe, StopAnswer, Supervision};
use super::talk::{Probed, Talk};
use crate::core::Core;
use crate::error::Refusal;

/// When links are told again of which deletions were told: deletions and puts are heard side by side, and nobody says when.
const REPEAT_PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// A provider that is a process of its own.
pub(crate) struct Process {
    brief: watch::Sender<Arc<Brief>>,
    /// Closed once the supervisor has ended.
    status: watch::Receiver<Status>,
    stop: watch::Sender<Option<Duration>>,
    /// What its publisher signed; `None` for a plain program.
    pub(crate) claims: Option<Arc<Claims>>,
}

/// What is to run.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) id: ProviderId,
    pub(crate) annotations: Arc<Annotations>,
    pub(crate) executable: Executable,
}

/// What a [`Process`] is reached by, before its supervisor has begun.
pub(crate) struct Seat {
    spec: Spec,
    supervision: Supervision,
    brief: watch::Receiver<Arc<Brief>>,
    status: watch::Sender<Status>,
    stop: watch::Receiver<Option<Duration>>,
    /// One process more may run once it is dropped.
    _permit: OwnedSemaphorePermit,
}

struct Supervisor {
    core: Arc<Core>,
    seat: Seat,
    origin: Arc<Origin>,
    talk: Talk,
    began: Instant,
    running: Option<Running>,
    /// Whether the handle is gone.
    is_orphan: bool,
    /// When links are told again next, and which of the pauses ends then.
    repeat: Option<(Instant, usize)>,
    /// A question for health that is under way.
    probe: Option<BoxFuture<'static, Probed>>,
    /// A request to stop that is under way.
    stopping: Option<BoxFuture<'static, StopAnswer>>,
    /// What all processes of the provider are told of links that are gone.
    deletions: Option<Subscription>,
}

/// Something that happened to a supervisor.
enum Event {
    Exited(Exit),
    Probed(Probed),
    StopAnswered(StopAnswer),
    Stop(Duration),
    Briefed,
    LinkDeleted(Message),
    DeletionsEnded,
    Repeat,
    Tick,
}

// ===== impl Process =====

impl Process {
    /// A handle, and what [`Seat::begin`] makes it do something with.
    pub(crate) fn new(core: &Core, spec: Spec) -> Result<(Self, Seat), Refusal> {
        let processes = &core.processes;
        let permit = Arc::clone(&processes.permits).try_acquire_owned();
        let permit = permit.map_err(|_| Refusal::TooManyProcesses {
            processes_max: processes.options.processes_max,
        })?;
        let supervision = Supervision::new(processes.options.policy.clone());
        let (brief, briefs) = watch::channel(Arc::default());
        let (status, statuses) = watch::channel(Status::new(&supervision, None));
        let (stop, stops) = watch::channel(None);
        let process = Self {
            brief,
            status: statuses,
            stop,
            claims: spec.executable.claims.clone(),
        };
        let seat = Seat {
            spec,
            supervision,
            brief: briefs,
            status,
            stop: stops,
            _permit: permit,
        };
        Ok((process, seat))
    }

    /// Says what the provider is to know.
    pub(crate) fn brief(&self, brief: Brief) {
        self.brief.send_if_modified(|known| {
            let is_new = **known != brief;
            if is_new {
                *known = Arc::new(brief);
            }
            is_new
        });
    }

    pub(crate) fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Lets the provider finish what it has under way, for up to `drain_max`, and ends it. Returns when there is no process any
    /// more. Where it was asked before, whoever is in more of a hurry decides.
    pub(crate) async fn stop(&self, drain_max: Duration) {
        self.stop.send_replace(Some(drain_max));
        let mut status = self.status.clone();
        while status.changed().await.is_ok() {}
    }
}

// ===== impl Seat =====

impl Seat {
    /// Starts the first process, and the task that answers for it. Returns when the process was made.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when it could not be made; then there is no task.
    pub(crate) async fn begin(self, core: &Arc<Core>) -> Result<(), Refusal> {
        let talk = Talk {
            lattice: core.rpc.clone(),
            host: core.identity.id.clone(),
            provider: EntityId::from(&self.spec.id),
        };
        let origin = Origin {
            host: core.identity.id.clone(),
            lattice: core.lattice.name().clone(),
            provider: self.spec.id.clone(),
            keys: Arc::clone(&core.processes.keys),
            options: Arc::clone(&core.processes.options),
        };
        let tasks = &core.processes.tasks;
        let shutdown = tasks.shutdown();
        let name = format!("host.provider.{}", self.spec.id);
        let supervisor = Supervisor {
            core: Arc::clone(core),
            seat: self,
            origin: Arc::new(origin),
            talk,
            began: Instant::now(),
            running: None,
            is_orphan: false,
            repeat: None,
            probe: None,
            stopping: None,
            deletions: None,
        };
        let (begun, outcome) = oneshot::channel();
        tasks.spawn(TaskKind::Job, name, supervisor.run(begun, shutdown));
        outcome.await.unwrap_or(Err(Refusal::Panicked))
    }
}

// ===== impl Supervisor =====

impl Supervisor {
    async fn run(mut self, begun: oneshot::Sender<Result<(), Refusal>>, shutdown: Shutdown) {
        match self.spawn().await {
            Ok(()) => {
                let effects = self.step(Input::Spawned);
                drop(begun.send(Ok(())));
                self.perform(effects).await;
            }
            Err(refusal) => {
                drop(begun.send(Err(refusal)));
                return;
            }
        }
        let mut is_shutting_down = false;
        while !self.seat.supervision.is_over() {
            let event = tokio::select! {
                event = self.next() => event,
                () = shutdown.requested(), if !is_shutting_down => {
                    is_shutting_down = true;
                    Event::Stop(Duration::ZERO)
                }
            };
            self.handle(event).await;
        }
    }

    /// Waits for something to happen. Cancel safe.
    async fn next(&mut self) -> Event {
        let deadline = self.seat.supervision.deadline();
        tokio::select! {
            status = ended(&mut self.running) => {
                Event::Exited(status.map_or(Exit::Unknown, Exit::from))
            }
            probed = maybe(&mut self.probe) => Event::Probed(probed),
            answer = maybe(&mut self.stopping) => Event::StopAnswered(answer),
            changed = self.seat.stop.changed(), if !self.is_orphan => {
                // A handle that is gone without a stop stands for one.
                self.is_orphan = changed.is_err();
                let asked = *self.seat.stop.borrow();
                Event::Stop(asked.filter(|_| !self.is_orphan).unwrap_or_default())
            }
            Ok(()) = self.seat.brief.changed() => Event::Briefed,
            deletion = next_message(&mut self.deletions) => match deletion {
                Some(message) => Event::LinkDeleted(message),
                None => Event::DeletionsEnded,
            },
            () = sleep_until(self.repeat.map(|(due, _)| due)) => Event::Repeat,
            () = sleep_until(deadline.map(|deadline| self.began + deadline)) => Event::Tick,
        }
    }

    async fn handle(&mut self, event: Event) {
        let input = match event {
            Event::Exited(exit) => {
                self.running = None;
                self.probe = None;
                self.stopping = None;
                self.repeat = None;
                Input::Exited(exit)
            }
            Event::Probed(probed) => {
                self.probe = None;
                self.take_answer(&probed).await;
                Input::Probed(probed.probe)
            }
            Event::StopAnswered(answer) => {
                self.stopping = None;
                Input::StopAnswered(answer)
            }
            Event::Stop(drain_max) => Input::Stop { drain_max },
            Event::Tick => Input::Tick,
            Event::Repeat => return self.repeat().await,
            Event::Briefed => return self.tell().await,
            Event::LinkDeleted(message) => return self.restore(&message).await,
            Event::DeletionsEnded => {
                self.deletions = None;
                return;
            }
        };
        let effects = self.step(input);
        self.perform(effects).await;
    }

    fn step(&mut self, input: Input) -> VecDeque<Effect> {
        let now = self.began.elapsed();
        // Without randomness there is no jitter.
        let random = getrandom::u64().unwrap_or_default();
        let effects = self.seat.supervision.step(now, random, input);
        let pid = self.running.as_ref().map(Running::pid);
        let status = Status::new(&self.seat.supervision, pid);
        // Before anything is told of it: whoever hears that looks here.
        self.seat.status.send_if_modified(|known| {
            let is_new = *known != status;
            *known = status;
            is_new
        });
        effects.into()
    }

    async fn perform(&mut self, mut effects: VecDeque<Effect>) {
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Spawn => {
                    let input = match self.spawn().await {
                        Ok(()) => Input::Spawned,
                        Err(refusal) => Input::SpawnFailed {
                            reason: refusal.to_string(),
                        },
                    };
                    effects.extend(self.step(input));
                }
                Effect::Probe => self.probe = self.ask_health(),
                Effect::AskToStop { within } => {
                    tracing::debug!({ field::PROVIDER_ID } = %self.seat.spec.id, ?within, "Provider is asked to stop");
                    self.stopping = Some(self.talk.clone().ask_to_stop(within).boxed());
                }
                Effect::Terminate => self.running.iter().for_each(Running::terminate),
                Effect::Kill => self.running.iter().for_each(Running::kill),
                Effect::Tell(fact) => {
                    let restarts = self.seat.supervision.restarts();
                    report::tell(&self.core, &self.seat.spec, restarts, fact).await;
                }
            }
        }
    }

    async fn spawn(&mut self) -> Result<(), Refusal> {
        self.listen().await;
        let brief = Arc::clone(&self.seat.brief.borrow_and_update());
        let running = Running::start(
            &self.core.processes,
            &self.seat.spec.executable,
            Arc::clone(&brief),
            Arc::clone(&self.origin),
            self.talk.clone(),
        )
        .await?;
        self.running = Some(running);
        // As 1.9 hosts do; one that does not listen yet has it in its host data.
        drop(self.talk.update_config(&brief.config).await);
        Ok(())
    }

    /// Follows what the processes of the provider are told of links that are gone, if that is not being done.
    async fn listen(&mut self) {
        if self.deletions.is_some() {
            return;
        }
        let subject = self.talk.subject(ProviderMessage::LinkDelete);
        match self.talk.lattice.subscribe(&subject, None).await {
            Ok(deletions) => self.deletions = Some(deletions),
            Err(error) => {
                tracing::warn!({ field::SUBJECT } = subject, { field::ERROR } = %error, "Cannot follow a subject");
            }
        }
    }

    fn ask_health(&self) -> Option<BoxFuture<'static, Probed>> {
        let running = self.running.as_ref()?;
        let limit = self.core.processes.options.policy.probe_timeout;
        let receiver = running.receiver().clone();
        let talk = self.talk.clone();
        Some(talk.probe(receiver, running.has_own_subject, limit).boxed())
    }

    /// Takes note of who answered, and tells what may not have been heard before.
    async fn take_answer(&mut self, probed: &Probed) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.has_own_subject |= probed.is_own;
        if matches!(probed.probe, Probe::Well | Probe::Unwell) {
            running.answered();
        }
        // Also what could not be sent before.
        self.tell().await;
    }

    async fn tell(&mut self) {
        let brief = Arc::clone(&self.seat.brief.borrow_and_update());
        if let Some(running) = &mut self.running
            && running.tell(&brief).await
        {
            self.repeat_from(0);
        }
    }

    async fn repeat(&mut self) {
        let Some((_, pause)) = self.repeat.take() else {
            return;
        };
        let brief = Arc::clone(&self.seat.brief.borrow());
        if let Some(running) = &mut self.running {
            let is_last = pause + 1 == REPEAT_PAUSES.len();
            running.repeat(&brief, is_last).await;
            self.repeat_from(pause + 1);
        }
    }

    fn repeat_from(&mut self, pause: usize) {
        let next = REPEAT_PAUSES.get(pause);
        self.repeat = next.map(|&wait| (Instant::now() + wait, pause));
    }

    async fn restore(&mut self, message: &Message) {
        let Ok(deleted) = json::decode::<LinkDefinition>(&message.payload) else {
            return;
        };
        let brief = Arc::clone(&self.seat.brief.borrow());
        if let Some(running) = &mut self.running
            && running.restore(&deleted, &brief).await
        {
            self.repeat_from(0);
        }
    }
}

async fn ended(running: &mut Option<Running>) -> io::Result<std::process::ExitStatus> {
    match running {
        Some(running) => running.ended().await,
        None => future::pending().await,
    }
}

async fn maybe<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => future::pending().await,
    }
}

async fn next_message(subscription: &mut Option<Subscription>) -> Option<Message> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => time::sleep_until(deadline).await,
        None => future::pending().await,
    }
}
