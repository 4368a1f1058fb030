//! What can go wrong: starting the engine, loading a component, linking it, calling it.

use std::fmt;
use std::sync::Arc;

use weft_model::interface::{InterfaceName, VersionedInterface};
use weft_model::problem::Coded;

use crate::http::HttpError;
use crate::limiter::Refusal;

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Wasmtime refuses the configuration or this processor.
    #[error("cannot start the WebAssembly engine")]
    Engine(#[source] wasmtime::Error),
    /// The thread that interrupts guests cannot be started.
    #[error("cannot start the ticker thread")]
    Ticker(#[source] std::io::Error),
}

/// Why bytes cannot be run as a component.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// There are more bytes than a component may have.
    #[error("the component has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The bytes are WebAssembly text.
    #[error("the file is WebAssembly text, not binary")]
    Text,
    /// The bytes are something else altogether, or too few. Nothing of them is told: they may be a file that only the host
    /// may read.
    #[error("the file is not WebAssembly: it is {kind}")]
    NotWasm {
        /// What it looks like.
        kind: &'static str,
    },
    /// A core module that says nothing of WIT, so there is nothing to call.
    #[error("the file is a core module without WIT types, so it offers nothing to call")]
    BareModule,
    /// A core module that cannot be made a component.
    #[error("cannot make a component of this core module: {reason}")]
    Adapt {
        /// What the encoder says.
        reason: String,
    },
    /// The component is damaged or uses what this engine does not have.
    #[error("cannot compile the component: {reason}")]
    Compile {
        /// What the compiler says.
        reason: String,
    },
    /// The component does not fit the pool.
    #[error("the component is beyond the limits of an instance: {reason}")]
    TooManyParts {
        /// What and how many, with the bound.
        reason: String,
    },
    /// An import that nothing could provide.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Compiling was given up because the process shuts down.
    #[error("compiling was interrupted by shutdown")]
    Interrupted,
}

/// Why a component cannot be linked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// A function passes something that cannot be carried between components.
    #[error(
        "function `{function}` of `{interface}` uses {what}, which cannot pass between components"
    )]
    Unsupported {
        /// The interface.
        interface: VersionedInterface,
        /// The function.
        function: String,
        /// The kind of type, such as `a resource`.
        what: String,
    },
    /// An import that is not an interface.
    #[error("import `{import}` is not an interface, so no link can provide it")]
    BareImport {
        /// Its name.
        import: String,
    },
    /// An import has another shape than what the host provides under its name.
    #[error("cannot link the component: {reason}")]
    Mismatch {
        /// What Wasmtime says.
        reason: String,
    },
}

/// Which bound a refused call ran into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overload {
    /// All instances of the component run, and the call may not wait.
    Instances,
    /// All instances run and the queue is full.
    Queue,
    /// The call waited as long as it may.
    QueueTime,
    /// All slots of the pool are in use.
    Pool,
}

/// Why a call failed. Cheap to clone: the same failure is told to the caller, the log and the counters.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no link for the import.
    #[error("{0}")]
    Denied(Arc<Denial>),
    /// A bound on instances was reached.
    #[error("{}", describe_overload(*.bound, *.instances_max))]
    Overloaded {
        /// Which bound.
        bound: Overload,
        /// Instances that the component may have.
        instances_max: u32,
    },
    /// The time for the call is over.
    #[error("the call took longer than it may")]
    Deadline,
    /// The call used more processor time than it may.
    #[error("the call used more processor time than it may")]
    Cpu,
    /// The chain of calls is too long.
    #[error("the call is {depth} calls deep, at most {depth_max} are allowed")]
    Depth {
        /// How deep it would be.
        depth: u32,
        /// The bound of the called component.
        depth_max: u32,
    },
    /// The guest ran into a bound of its memory or tables and then failed.
    #[error("the component ran into its limit of {}: {reason}", describe_refusal(.refusal))]
    Resources {
        /// The bound.
        refusal: Refusal,
        /// How it failed.
        reason: Arc<str>,
    },
    /// The guest trapped.
    #[error("the component trapped: {reason}")]
    Trapped {
        /// Wasmtime's description with the guest's stack, in one text.
        reason: Arc<str>,
    },
    /// The component ended its call without an answer.
    #[error("the component ended the call without an answer")]
    NoAnswer,
    /// The component answered with an error of its interface instead of a response.
    #[error("the component answered with an error: {0}")]
    Guest(Arc<HttpError>),
    /// The component does not answer HTTP requests.
    #[error("`{component}` exports no HTTP handler")]
    NoHandler {
        /// The component.
        component: Arc<str>,
    },
    /// The one who called is gone.
    #[error("the caller is gone")]
    Cancelled,
    /// A stream or future that the component reads broke off.
    #[error("a stream or future that the component reads broke off: {reason}")]
    Flow {
        /// What happened.
        reason: Arc<str>,
    },
    /// Something that runs elsewhere was called, and the call failed.
    #[error("the call of `{target}`, which does not run on this host, failed: {problem}")]
    Remote {
        /// What was called.
        target: Arc<str>,
        /// Why it failed.
        problem: RemoteProblem,
    },
}

/// Why a call of something that runs elsewhere failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteProblem {
    /// Nobody serves the function.
    #[error("it runs on no host, or has no such function")]
    NoResponders,
    /// It has as many calls as it takes.
    #[error("it is overloaded: {message}")]
    Overloaded {
        /// What it says.
        message: Arc<str>,
    },
    /// It may not make a call that it needs, or may not be called.
    #[error("it was denied: {message}")]
    Denied {
        /// What it says.
        message: Arc<str>,
    },
    /// It trapped, or failed in another way of its own.
    #[error("{message}")]
    Failed {
        /// What it says.
        message: Arc<str>,
    },
    /// Parameters or results are not such as the other end expects.
    #[error("parameters or results are not of the types expected: {message}")]
    Values {
        /// What is wrong.
        message: Arc<str>,
    },
    /// Messages were lost, or too large, or the connection broke.
    #[error("{message}")]
    Transport {
        /// What happened.
        message: Arc<str>,
    },
}

/// A failed call of an export, and whether anything of it has happened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failed {
    /// The call did not begin, and can be made elsewhere.
    #[error("the call was refused")]
    Refused(#[source] CallError),
    /// The call had begun.
    #[error("the call failed")]
    Begun(#[source] CallError),
}

/// An import that leads nowhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    /// Who wanted to call.
    pub source: String,
    /// What it wanted to call.
    pub interface: InterfaceName,
    /// The link name it chose.
    pub link_name: String,
    /// Why it may not.
    pub reason: DenialReason,
}

/// Why an import leads nowhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DenialReason {
    /// There is no link.
    NoLink,
    /// The link's target does not run on this host.
    NotRunning {
        /// The target.
        target: String,
    },
    /// The link's target does not export the interface with the types that are imported.
    Incompatible {
        /// The target.
        target: String,
        /// The function that is missing or different.
        function: String,
    },
    /// The target cannot serve the link as it is configured.
    Refused {
        /// The target.
        target: String,
        /// Why.
        problem: String,
    },
}

// ===== impl LoadError =====

impl Coded for LoadError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "CMP001",
            Self::Text | Self::NotWasm { .. } => "CMP002",
            Self::BareModule | Self::Adapt { .. } => "CMP003",
            Self::Compile { .. } => "CMP004",
            Self::TooManyParts { .. } => "CMP005",
            Self::Link(error) => error.code(),
            Self::Interrupted => "CMP006",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Link(error) => error.subject(),
            _ => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::TooLarge { .. } => "strip debug information, or build with size optimisation",
            Self::Text => "assemble it, for example with `wasm-tools parse`",
            Self::NotWasm { .. } => "check that the path names a built component",
            Self::BareModule => "build for `wasm32-wasip2`, or embed WIT with `wit-bindgen`",
            Self::Adapt { .. } => "build for `wasm32-wasip2`, which yields a component",
            Self::Compile { .. } => "build it again: the file may be incomplete",
            Self::TooManyParts { .. } => {
                "link fewer modules into the component, or raise the pool's maxima"
            }
            Self::Link(error) => return error.hints(),
            Self::Interrupted => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

// ===== impl LinkError =====

impl Coded for LinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "CMP010",
            Self::BareImport { .. } => "CMP011",
            Self::Mismatch { .. } => "CMP012",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Unsupported {
                interface,
                function,
                ..
            } => format!("{interface}.{function}"),
            Self::BareImport { import } => import.clone(),
            Self::Mismatch { .. } => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Unsupported { .. } => {
                "pass values of WIT, and streams and futures of numbers, bool, char, string or list<u8>"
            }
            Self::BareImport { .. } => "put the function into an interface of a WIT package",
            Self::Mismatch { .. } => {
                "build it against WASI 0.2 or 0.3 and the WIT that this host serves"
            }
        };
        vec![hint.to_owned()]
    }
}

// ===== impl CallError =====

impl CallError {
    /// The label in counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::Overloaded { .. } => "overloaded",
            Self::Deadline => "deadline",
            Self::Cpu => "cpu",
            Self::Depth { .. } => "depth",
            Self::Resources { .. } => "resources",
            Self::Trapped { .. } => "trapped",
            Self::NoAnswer => "no_answer",
            Self::Guest(_) => "guest",
            Self::NoHandler { .. } => "no_handler",
            Self::Cancelled => "cancelled",
            Self::Flow { .. } => "flow",
            Self::Remote { .. } => "remote",
        }
    }
}

impl Coded for CallError {
    fn code(&self) -> &'static str {
        match self {
            Self::Denied(_) => "LNK010",
            Self::Overloaded { .. } => "CAL001",
            Self::Deadline => "CAL002",
            Self::Cpu => "CAL003",
            Self::Depth { .. } => "CAL004",
            Self::Resources { .. } => "CAL005",
            Self::Trapped { .. } => "CAL006",
            Self::NoAnswer => "CAL007",
            Self::Guest(_) => "CAL008",
            Self::NoHandler { .. } => "LNK011",
            Self::Cancelled => "CAL009",
            Self::Flow { .. } => "CAL015",
            Self::Remote { problem, .. } => match problem {
                RemoteProblem::NoResponders => "CAL010",
                RemoteProblem::Overloaded { .. } => "CAL001",
                RemoteProblem::Denied { .. } => "CAL011",
                RemoteProblem::Failed { .. } => "CAL012",
                RemoteProblem::Values { .. } => "CAL013",
                RemoteProblem::Transport { .. } => "CAL014",
            },
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Denied(denial) => denial.interface.to_string(),
            Self::NoHandler { component } => component.to_string(),
            Self::Remote { target, .. } => target.to_string(),
            _ => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Remote { target, problem } => problem.hints(target),
            Self::Denied(denial) => vec![denial.hint()],
            Self::Overloaded {
                bound: Overload::Pool,
                ..
            } => vec!["add hosts: this one runs as many calls as it has room for".to_owned()],
            Self::Overloaded { .. } => {
                vec!["raise `instances` of its scaler, or add hosts".to_owned()]
            }
            Self::Cpu => vec![
                "raise `call-cpu` in a `weft.limits` trait if this is work and not a loop"
                    .to_owned(),
            ],
            Self::Deadline => vec!["raise `call-duration` in a `weft.limits` trait".to_owned()],
            Self::Resources { .. } => vec!["raise `memory` in a `weft.limits` trait".to_owned()],
            _ => Vec::new(),
        }
    }
}

// ===== impl RemoteProblem =====

impl RemoteProblem {
    fn hints(&self, target: &str) -> Vec<String> {
        let hint = match self {
            Self::NoResponders => {
                format!("deploy `{target}`, or point the link at something that runs")
            }
            Self::Overloaded { .. } => {
                format!("raise `instances` of the scaler of `{target}`, or add hosts")
            }
            Self::Denied { .. } => format!("see the links of `{target}`"),
            Self::Failed { .. } => format!("see the logs of `{target}` where it runs"),
            Self::Values { .. } => format!("build both ends against the same WIT as `{target}`"),
            Self::Transport { .. } => "check the connection to NATS and its limits".to_owned(),
        };
        vec![hint]
    }
}

// ===== impl Failed =====

impl Failed {
    /// Why it failed.
    pub fn error(&self) -> &CallError {
        match self {
            Self::Refused(error) | Self::Begun(error) => error,
        }
    }

    /// Why it failed.
    pub fn into_error(self) -> CallError {
        match self {
            Self::Refused(error) | Self::Begun(error) => error,
        }
    }
}

fn describe_overload(bound: Overload, instances_max: u32) -> String {
    match bound {
        Overload::Instances => {
            format!("all {instances_max} instances are busy, and the call may not wait for one")
        }
        Overload::Queue => format!("all {instances_max} instances are busy and the queue is full"),
        Overload::QueueTime => {
            format!("all {instances_max} instances were busy for as long as a call may wait")
        }
        Overload::Pool => "the host has no room for another instance".to_owned(),
    }
}

fn describe_refusal(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Memory { bytes_max } => format!("{bytes_max} bytes of memory"),
        Refusal::Table { elements_max } => format!("{elements_max} table elements"),
    }
}

// ===== impl Denial =====

impl Denial {
    /// What would allow the call; for a missing link the trait as it stands in a manifest.
    pub fn hint(&self) -> String {
        match &self.reason {
            DenialReason::NoLink => self.missing_trait(),
            DenialReason::NotRunning { target } => {
                format!("deploy `{target}`, or point the link at something that runs")
            }
            DenialReason::Incompatible { target, .. } => {
                format!(
                    "build `{target}` and `{}` against the same WIT",
                    self.source
                )
            }
            DenialReason::Refused { target, .. } => {
                format!("correct the config of the link to `{target}`")
            }
        }
    }

    fn missing_trait(&self) -> String {
        let package = self.interface.package();
        let mut properties = format!(
            "namespace: {}, package: {}, interfaces: [{}], target: {{name: TARGET}}",
            package.namespace(),
            package.name(),
            self.interface.name()
        );
        if self.link_name != "default" {
            properties = format!("name: {}, {properties}", self.link_name);
        }
        format!(
            "add to the traits of `{}`: `- {{type: link, properties: {{{properties}}}}}`",
            self.source
        )
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source, interface, ..
        } = self;
        match &self.reason {
            DenialReason::NoLink => write!(f, "no link lets `{source}` call `{interface}`")?,
            DenialReason::NotRunning { target } => {
                write!(
                    f,
                    "`{source}` is linked to `{target}` for `{interface}`, but `{target}` does not run on this host"
                )?;
            }
            DenialReason::Incompatible { target, function } => write!(
                f,
                "`{source}` is linked to `{target}` for `{interface}`, but `{target}` does not export `{function}` of it with the same types"
            )?,
            DenialReason::Refused { target, problem } => {
                write!(
                    f,
                    "the link of `{source}` to `{target}` for `{interface}` cannot be served: {problem}"
                )?;
            }
        }
        if self.link_name != "default" {
            write!(f, " (link name `{}`)", self.link_name)?;
        }
        Ok(())
    }
}
