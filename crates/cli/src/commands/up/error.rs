//! Why `weft up` does not begin.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use weft_lattice::RequestError;
use weft_model::problem::{Coded, Problem};
use weft_node::StartError;
use weft_node::run_file::RunFileError;

use crate::context::{AccessMisfit, connect_status};
use crate::failure::Failure;
use crate::inherited::VariableProblem;
use crate::status::Status;
use crate::ui::render_elapsed;

/// Two arguments that do not fit together, or a value that is not possible.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Misfit {
    /// An option of the built-in server, and another server.
    #[error("`{option}` is about the built-in NATS server, but `--nats-url` names another")]
    Embedded {
        /// The option.
        option: &'static str,
    },
    /// An option of other servers, and no other server.
    #[error("`{option}` is about a NATS server elsewhere, but `--nats-url` names none")]
    Elsewhere {
        /// The option.
        option: &'static str,
    },
    /// No NATS at all.
    #[error("there is no NATS: `--role` leaves the broker out, and `--nats-url` names no server")]
    NoNats,
    /// An option of a host, and no host.
    #[error("`{option}` is about a host, but `--role` leaves the host out")]
    NoHost {
        /// The option.
        option: &'static str,
    },
    /// A label that hosts give themselves.
    #[error("the label `{key}` is reserved")]
    ReservedLabel {
        /// The key.
        key: String,
    },
    /// One label, two values.
    #[error("the label `{key}` is given two values, `{first}` and `{second}`")]
    TwoLabels {
        /// The key.
        key: String,
        /// The value given first.
        first: String,
        /// The other.
        second: String,
    },
    /// `none` beside something.
    #[error("`--allow-file-load` is given `none` and something else")]
    NoneAndSome,
    /// Two servers, one address.
    #[error("`{first}` and `{second}` are both {address}")]
    OneAddress {
        /// An option.
        first: &'static str,
        /// The other.
        second: &'static str,
        /// The address.
        address: std::net::SocketAddr,
    },
    /// An option of encryption that is of no use alone.
    #[error("`{option}` needs `{missing}`")]
    Half {
        /// What is given.
        option: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// A plain address where others reach it.
    #[error("`--listen-plain` is {address}, which is not on loopback")]
    PlainBeyond {
        /// The address.
        address: std::net::SocketAddr,
    },
    /// Options about a server elsewhere contradict each other.
    #[error(transparent)]
    Access(AccessMisfit),
    /// A secret that nobody could give.
    #[error("a secret cannot be read from standard input beside a manifest, or with `--detach`")]
    SecretInput,
    /// A variable of a wasmCloud 1.9 host says something that cannot be.
    #[error(transparent)]
    Variable(VariableProblem),
    /// A heartbeat interval that is out of bounds.
    #[error("`--heartbeat-interval` has to be between 1 s and 5 min")]
    Heartbeat,
    /// Standard input, read more than once.
    #[error("standard input can be read once, but is named several times")]
    InputTwice,
    /// Standard input, read in the background.
    #[error("`--detach` cannot read a manifest from standard input")]
    DetachedInput,
}

/// Why `weft up` does not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpError {
    /// Arguments do not fit together.
    #[error("the arguments of `weft up` do not fit together")]
    Misfits {
        /// All misfits; not empty.
        misfits: Vec<Misfit>,
    },
    /// Several manifests cannot be used; each was told.
    #[error("{what} cannot be used, nothing was started")]
    Manifests {
        /// How many.
        what: String,
    },
    /// A manifest that is not there, but is called as what `--allow-file-load` takes.
    #[error("there is no file `{word}`")]
    FileLoadWord {
        /// What was given.
        word: String,
    },
    /// The file for the output of the process cannot be written.
    #[error("cannot write the log `{}`", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process cannot be started.
    #[error("cannot start `{}` in the background", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process ended before it was ready; what it said was told.
    #[error("`weft up` ended before it was ready")]
    Ended {
        /// Its exit status, where it is one of ours.
        status: Option<Status>,
        /// Where its output is.
        log: PathBuf,
    },
    /// The process is not ready in time.
    #[error("`weft up` (process {pid}) is not ready after {}, it goes on starting", render_elapsed(*timeout))]
    NotReady {
        /// The process.
        pid: u32,
        /// How long was waited.
        timeout: Duration,
        /// Where its output is.
        log: PathBuf,
    },
    /// Somebody interrupted the waiting.
    #[error("the waiting was interrupted, `weft up` (process {pid}) goes on starting")]
    Interrupted {
        /// The process.
        pid: u32,
        /// Where its output is.
        log: PathBuf,
    },
    /// The run file cannot be used.
    #[error(transparent)]
    RunFile(RunFileError),
    /// What is to be logged is not said in a way that is understood.
    #[error("`{filter}` is not a filter of log records")]
    LogLevel {
        /// The filter.
        filter: String,
        /// Why not.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The access log cannot be written.
    #[error("cannot write the access log `{}`", path.display())]
    AccessLog {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system does not tell of signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// NATS went away before anything could be told.
    #[error("cannot follow what happens in the lattice")]
    Follow {
        /// Why not.
        source: Box<RequestError>,
    },
    /// The node does not start.
    #[error(transparent)]
    Start(Box<StartError>),
    /// A part that the node cannot do without failed; the rest was stopped.
    #[error("{task} failed, so everything was stopped: {cause}")]
    Failed {
        /// The part.
        task: String,
        /// Why.
        cause: String,
    },
    /// Somebody did not wait until everything was stopped.
    #[error("interrupted before everything was stopped")]
    Impatient,
}

// ===== impl Misfit =====

impl Coded for Misfit {
    fn code(&self) -> &'static str {
        "CLI012"
    }

    fn subject(&self) -> String {
        match self {
            Self::Embedded { option }
            | Self::Elsewhere { option }
            | Self::NoHost { option }
            | Self::Half { option, .. } => (*option).to_owned(),
            Self::Access(error) => error.subject(),
            Self::PlainBeyond { .. } => "--listen-plain".to_owned(),
            Self::SecretInput => "-".to_owned(),
            Self::NoNats => "--role".to_owned(),
            Self::ReservedLabel { .. } | Self::TwoLabels { .. } => "--label".to_owned(),
            Self::NoneAndSome => "--allow-file-load".to_owned(),
            Self::OneAddress { first, .. } => (*first).to_owned(),
            Self::Variable(problem) => problem.name().to_owned(),
            Self::Heartbeat => "--heartbeat-interval".to_owned(),
            Self::InputTwice => "-".to_owned(),
            Self::DetachedInput => "--detach".to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Embedded { .. } => "leave out one of the two; `WEFT_NATS_URL` counts too",
            Self::Elsewhere { .. } => "add `--nats-url`, or leave it out",
            Self::NoNats => "add `broker` to `--role`, or a server with `--nats-url`",
            Self::NoHost { .. } => "add `host` to `--role`, or leave it out",
            Self::ReservedLabel { .. } => "choose a key that does not begin with `hostcore.`",
            Self::TwoLabels { .. } => "give it one",
            Self::NoneAndSome => "leave out one of the two",
            Self::OneAddress { .. } => "choose two ports",
            Self::Variable(problem) => problem.hint(),
            Self::Half { .. } => "give both, or none of them",
            Self::PlainBeyond { .. } => "others are to use the encrypted `--listen`",
            Self::Access(error) => return error.hints(),
            Self::SecretInput => "write the secret to a file",
            Self::Heartbeat => "leave it out, unless others rely on another interval",
            Self::InputTwice => "name files instead",
            Self::DetachedInput => "write the manifest to a file",
        };
        vec![hint.to_owned()]
    }
}

// ===== impl UpError =====

impl UpError {
    fn status(&self) -> Status {
        match self {
            Self::Misfits { .. } => Status::Usage,
            Self::Manifests { .. } | Self::Log { .. } => Status::Rejected,
            Self::FileLoadWord { .. } => Status::NotFound,
            Self::Spawn { .. } | Self::RunFile(_) => Status::Unforeseen,
            Self::Ended { status, .. } => status.unwrap_or(Status::Unforeseen),
            Self::NotReady { .. } => Status::Deadline,
            Self::LogLevel { .. } => Status::Usage,
            Self::AccessLog { .. } => Status::Rejected,
            Self::Signals(_) | Self::Failed { .. } => Status::Unforeseen,
            Self::Follow { .. } => Status::Unreachable,
            Self::Start(error) => match &**error {
                StartError::Connect(error) => connect_status(error),
                _ => Status::Rejected,
            },
            Self::Impatient => Status::Interrupted,
            Self::Interrupted { .. } => Status::Interrupted,
        }
    }
}

impl Coded for UpError {
    fn code(&self) -> &'static str {
        match self {
            Self::Misfits { .. } | Self::LogLevel { .. } => "CLI012",
            Self::Manifests { .. } => "CLI006",
            Self::FileLoadWord { .. } => "CLI007",
            Self::Log { .. } | Self::AccessLog { .. } => "CLI014",
            Self::Spawn { .. } | Self::Ended { .. } => "CLI015",
            Self::Signals(_) | Self::Failed { .. } => "CLI002",
            Self::Follow { source } => source.code(),
            Self::Start(error) => error.code(),
            Self::Impatient => "CLI017",
            Self::NotReady { .. } => "CLI009",
            Self::Interrupted { .. } => "CLI017",
            Self::RunFile(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Misfits { .. } => "weft up".to_owned(),
            Self::Manifests { what } => what.clone(),
            Self::FileLoadWord { word } => word.clone(),
            Self::LogLevel { .. } => "--log-level".to_owned(),
            Self::Signals(_) | Self::Impatient | Self::Follow { .. } => "weft up".to_owned(),
            Self::Failed { task, .. } => task.clone(),
            Self::Start(error) => error.subject(),
            Self::AccessLog { path, .. }
            | Self::Log { path, .. }
            | Self::Ended { log: path, .. }
            | Self::NotReady { log: path, .. }
            | Self::Interrupted { log: path, .. } => path.display().to_string(),
            Self::Spawn { program, .. } => program.display().to_string(),
            Self::RunFile(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Misfits { .. } => {
                vec!["see what there is with `weft up --help`".to_owned()]
            }
            Self::Manifests { .. } => vec!["correct them, or start without them".to_owned()],
            Self::FileLoadWord { word } => vec![format!("write `--allow-file-load={word}`")],
            Self::Log { .. } => {
                vec!["name a directory that you may write with `--data-dir`".to_owned()]
            }
            Self::LogLevel { .. } => vec![
                "write a level such as `info`, or levels by module such as `warn,weft_host=debug`"
                    .to_owned(),
            ],
            Self::AccessLog { .. } => {
                vec!["name a file that you may write with `--access-log`".to_owned()]
            }
            Self::Signals(_) => Vec::new(),
            Self::Follow { source } => source.hints(),
            Self::Start(error) => error.hints(),
            Self::Failed { .. } => vec![
                "start it again: what it kept is there; see its log for what went before"
                    .to_owned(),
            ],
            Self::Impatient => vec!["what was open was cut; what is stored is whole".to_owned()],
            Self::Spawn { .. } => vec!["start it without `--detach`".to_owned()],
            Self::Ended { log, .. } => {
                vec![format!("all it said is in `{}`", log.display())]
            }
            Self::NotReady { log, .. } | Self::Interrupted { log, .. } => vec![
                format!("see what it does in `{}`", log.display()),
                "stop it with `weft down`".to_owned(),
            ],
            Self::RunFile(error) => error.hints(),
        }
    }
}

impl From<UpError> for Failure {
    fn from(error: UpError) -> Self {
        let failure = Self::new(error.status(), &error);
        match error {
            UpError::Misfits { misfits } => {
                failure.with_problems(misfits.iter().map(|misfit| Problem::new(misfit)).collect())
            }
            _ => failure,
        }
    }
}
