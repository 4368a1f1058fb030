//! What to do about the process of a provider: a plain state machine over values.
//!
//! ```text
//!              ┌─────────────────── pause is over ───────────────────┐
//!              ▼                                                     │
//!  spawning ──► up ── exits, or is killed because it hangs ──► paused (first time: for no time at all)
//!                │
//!                └─ asked to stop ─► draining ─► leaving ─► terminating ─► killed
//!                                        └───────────┴──────────┴────────────┴──► over, once the process is gone
//! ```
//!
//! *Draining* waits for the answer to the request to stop, which a provider gives when it has nothing left to do; *leaving*
//! for the exit after that answer; *terminating* for the exit after SIGTERM, *killed* for that after SIGKILL. A process
//! that lives for less than [`Policy::settled_after`] counts as one that failed at its start: the more of them in a row,
//! the longer the pause before the next, and from [`Policy::crash_loop_after`] on it is a crash loop. The pause is zero
//! after the first.

mod life;

use std::time::Duration;

use self::life::{Life, Verdict};

/// Time since the supervision began.
pub(crate) type Moment = Duration;

/// How a process is supervised.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The pause after the second process in a row that did not live long, before jitter; doubles with each.
    pub backoff_min: Duration,
    /// The longest pause, before jitter of up to a quarter.
    pub backoff_max: Duration,
    /// A process that lives so long has not failed at its start.
    pub settled_after: Duration,
    /// So many processes in a row that did not live long are a crash loop; at least one.
    pub crash_loop_after: u32,
    /// When the first question for its health is put after the start (spec §5.6).
    pub probe_first: Duration,
    /// The time between two questions for its health.
    pub probe_period: Duration,
    /// The time to the next question after one that was not answered.
    pub probe_retry: Duration,
    /// How long an answer to it may take.
    pub probe_timeout: Duration,
    /// So many questions in a row that are not answered mean that the process hangs; at least one.
    pub probe_misses_max: u32,
    /// How long a process may take to give its first answer.
    pub silence_max: Duration,
    /// How long a process may take to end after it said that it will, and again after SIGTERM.
    pub exit_max: Duration,
}

/// One process after the other, as long as they are wanted.
#[derive(Debug)]
pub(crate) struct Supervision {
    policy: Policy,
    phase: Phase,
    /// Processes in a row that did not live long.
    short_lives: u32,
    restarts: u64,
    /// Whether a process ever ran.
    has_run: bool,
    last_exit: Option<Exit>,
}

/// What a process is doing, as far as it is known.
#[derive(Debug)]
enum Phase {
    /// It was asked to be made.
    Spawning {
        stop_within: Option<Duration>,
    },
    Up(Life),
    /// There is none until then.
    Paused {
        until: Moment,
    },
    Draining {
        until: Moment,
    },
    Leaving {
        until: Moment,
    },
    Terminating {
        until: Moment,
    },
    Killed,
    Over,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// The process was made.
    Spawned,
    /// The process could not be made.
    SpawnFailed { reason: String },
    /// The process ended.
    Exited(Exit),
    /// What came of a question for its health.
    Probed(Probe),
    /// The process is to stop; what it has under way may take so long.
    Stop { drain_max: Duration },
    /// What came of the request to stop.
    StopAnswered(StopAnswer),
    /// Time has passed.
    Tick,
}

/// What came of a question for health.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Probe {
    /// It says that it is well.
    Well,
    /// It says that it is not.
    Unwell,
    /// It does not answer.
    Silent,
    /// The question could not be put.
    Unknown,
}

/// What came of the request to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StopAnswer {
    /// The process will end.
    Leaving,
    /// There will be no answer.
    None,
}

/// How a process ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// It is not known.
    Unknown,
    /// It never began.
    NotSpawned { reason: String },
}

/// Something to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// Make a process.
    Spawn,
    /// Ask it for its health.
    Probe,
    /// Ask it to stop, and wait for the answer for so long.
    AskToStop { within: Duration },
    /// Send it SIGTERM.
    Terminate,
    /// Send it SIGKILL.
    Kill,
    /// Tell the lattice.
    Tell(Fact),
}

/// Something that the lattice is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fact {
    /// It ended without being asked to; the next begins after a pause.
    Died { exit: Exit, pause: Duration },
    /// It dies over and over.
    CrashLoop {
        exit: Exit,
        short_lives: u32,
        pause: Duration,
    },
    /// A process runs in the place of the one that died.
    Restarted,
    /// It does not answer, and is killed.
    Hangs,
    /// It is well, and was not.
    HealthPassed,
    /// It is not well any more.
    HealthFailed,
    /// It is as it was.
    HealthStatus,
}

/// What there is to say of a process at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Condition {
    /// It was started, and has not answered yet.
    Starting,
    /// It says that it is well.
    Running,
    /// It says that it is not well.
    Unhealthy,
    /// It has not answered the last questions.
    Silent,
    /// It died, and is started again after a pause.
    BackingOff,
    /// It dies over and over.
    CrashLoop,
    /// It was asked to stop.
    Stopping,
    /// It does not run, and will not.
    Stopped,
}

// ===== impl Supervision =====

impl Supervision {
    /// A supervision that has asked for its first process: the effect to begin with is [`Effect::Spawn`].
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::Spawning { stop_within: None },
            short_lives: 0,
            restarts: 0,
            has_run: false,
            last_exit: None,
        }
    }

    /// Takes in what happened. `random` decides about jitter alone.
    pub(crate) fn step(&mut self, now: Moment, random: u64, input: Input) -> Vec<Effect> {
        match input {
            Input::Spawned => self.spawned(now),
            Input::SpawnFailed { reason } => {
                if !self.has_run {
                    self.phase = Phase::Over;
                    return Vec::new();
                }
                self.gone(now, random, Exit::NotSpawned { reason })
            }
            Input::Exited(exit) => self.gone(now, random, exit),
            Input::Probed(probe) => self.probed(now, &probe),
            Input::Stop { drain_max } => self.stop(now, drain_max),
            Input::StopAnswered(answer) => self.stop_answered(now, answer),
            Input::Tick => self.tick(now),
        }
    }

    /// When the next [`Input::Tick`] is due at the latest.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Up(life) => life.deadline(&self.policy, self.short_lives > 0),
            Phase::Paused { until }
            | Phase::Draining { until }
            | Phase::Leaving { until }
            | Phase::Terminating { until } => Some(*until),
            Phase::Spawning { .. } | Phase::Killed | Phase::Over => None,
        }
    }

    /// Whether there is no process, and will be none.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// What there is to say of the process.
    pub(crate) fn condition(&self) -> Condition {
        let is_loop = self.short_lives >= self.policy.crash_loop_after.max(1);
        match &self.phase {
            Phase::Draining { .. }
            | Phase::Leaving { .. }
            | Phase::Terminating { .. }
            | Phase::Killed => Condition::Stopping,
            Phase::Over => Condition::Stopped,
            Phase::Spawning { .. } | Phase::Up(_) | Phase::Paused { .. } if is_loop => {
                Condition::CrashLoop
            }
            Phase::Spawning { .. } => Condition::Starting,
            Phase::Up(life) => life.condition(),
            Phase::Paused { .. } => Condition::BackingOff,
        }
    }

    /// How often a process was started in the place of one that died.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How the last process that died did so.
    pub(crate) fn last_exit(&self) -> Option<&Exit> {
        self.last_exit.as_ref()
    }

    /// How many processes in a row did not live long.
    pub(crate) fn short_lives(&self) -> u32 {
        self.short_lives
    }

    fn spawned(&mut self, now: Moment) -> Vec<Effect> {
        let Phase::Spawning { stop_within } = self.phase else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        if self.has_run {
            self.restarts += 1;
            effects.push(Effect::Tell(Fact::Restarted));
        }
        self.has_run = true;
        self.phase = Phase::Up(Life::new(now, &self.policy));
        if let Some(drain_max) = stop_within {
            effects.extend(self.stop(now, drain_max));
        }
        effects
    }

    /// There is no process any more.
    fn gone(&mut self, now: Moment, random: u64, exit: Exit) -> Vec<Effect> {
        let lived = match &self.phase {
            Phase::Up(life) => life.age(now),
            Phase::Spawning { stop_within: None } => Duration::ZERO,
            Phase::Spawning { .. }
            | Phase::Draining { .. }
            | Phase::Leaving { .. }
            | Phase::Terminating { .. }
            | Phase::Killed => {
                self.phase = Phase::Over;
                return Vec::new();
            }
            Phase::Paused { .. } | Phase::Over => return Vec::new(),
        };
        if lived >= self.policy.settled_after {
            self.short_lives = 0;
        }
        self.short_lives = self.short_lives.saturating_add(1);
        self.last_exit = Some(exit.clone());
        let pause = self.pause(random);
        let is_loop = self.short_lives == self.policy.crash_loop_after.max(1);
        let mut effects = vec![Effect::Tell(Fact::Died {
            exit: exit.clone(),
            pause,
        })];
        if is_loop {
            effects.push(Effect::Tell(Fact::CrashLoop {
                exit,
                short_lives: self.short_lives,
                pause,
            }));
        }
        if pause.is_zero() {
            self.phase = Phase::Spawning { stop_within: None };
            effects.push(Effect::Spawn);
        } else {
            self.phase = Phase::Paused { until: now + pause };
        }
        effects
    }

    /// How long to wait before the next process.
    fn pause(&self, random: u64) -> Duration {
        let Some(doublings) = self.short_lives.checked_sub(2) else {
            return Duration::ZERO;
        };
        let factor = 1_u32 << doublings.min(20);
        let pause = self.policy.backoff_min.saturating_mul(factor);
        let pause = pause.min(self.policy.backoff_max);
        let quarter = u64::try_from(pause.as_millis() / 4).unwrap_or(u64::MAX - 1);
        pause + Duration::from_millis(random % (quarter + 1))
    }

    fn probed(&mut self, now: Moment, probe: &Probe) -> Vec<Effect> {
        let Phase::Up(life) = &mut self.phase else {
            return Vec::new();
        };
        match life.probed(now, probe, &self.policy) {
            Verdict::Nothing => Vec::new(),
            Verdict::Tell(fact) => vec![Effect::Tell(fact)],
            // SIGTERM is for those who listen.
            Verdict::Hangs => vec![Effect::Tell(Fact::Hangs), Effect::Kill],
        }
    }

    fn stop(&mut self, now: Moment, drain_max: Duration) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Spawning { stop_within } => *stop_within = Some(drain_max),
            Phase::Up(_) => {
                self.phase = Phase::Draining {
                    until: now + drain_max,
                };
                return vec![Effect::AskToStop { within: drain_max }];
            }
            Phase::Paused { .. } => self.phase = Phase::Over,
            // Whoever is in more of a hurry decides.
            Phase::Draining { until } => *until = (*until).min(now + drain_max),
            Phase::Leaving { .. } | Phase::Terminating { .. } | Phase::Killed | Phase::Over => {}
        }
        Vec::new()
    }

    fn stop_answered(&mut self, now: Moment, answer: StopAnswer) -> Vec<Effect> {
        if !matches!(self.phase, Phase::Draining { .. }) {
            return Vec::new();
        }
        let until = now + self.policy.exit_max;
        match answer {
            StopAnswer::Leaving => {
                self.phase = Phase::Leaving { until };
                Vec::new()
            }
            StopAnswer::None => {
                self.phase = Phase::Terminating { until };
                vec![Effect::Terminate]
            }
        }
    }

    fn tick(&mut self, now: Moment) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Up(life) => {
                if life.age(now) >= self.policy.settled_after {
                    self.short_lives = 0;
                }
                if life.is_probe_due(now) {
                    return vec![Effect::Probe];
                }
            }
            Phase::Paused { until } if now >= *until => {
                self.phase = Phase::Spawning { stop_within: None };
                return vec![Effect::Spawn];
            }
            Phase::Draining { until } | Phase::Leaving { until } if now >= *until => {
                self.phase = Phase::Terminating {
                    until: now + self.policy.exit_max,
                };
                return vec![Effect::Terminate];
            }
            Phase::Terminating { until } if now >= *until => {
                self.phase = Phase::Killed;
                return vec![Effect::Kill];
            }
            _ => {}
        }
        Vec::new()
    }
}

// ===== impl Policy =====

impl Default for Policy {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            settled_after: Duration::from_secs(10),
            crash_loop_after: 5,
            probe_first: Duration::from_secs(5),
            probe_period: Duration::from_secs(30),
            probe_retry: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(2),
            probe_misses_max: 3,
            silence_max: Duration::from_secs(60),
            exit_max: Duration::from_secs(5),
        }
    }
}

// ===== impl Exit =====

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("unknown"),
            Self::NotSpawned { reason } => write!(f, "cannot be started: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests;
