//! Settings in the environment of a wasmCloud 1.9 host, so that its containers and charts carry over: each stands for the
//! option of Weft that means the same, where neither the command line nor a variable of Weft gives that.
//!
//! Pure: variables in, settings, problems and warnings out.

pub(crate) mod names;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use weft_artifact::registry;
use weft_lattice::protocol::subject::SubjectPrefix;
use weft_model::id::LatticeName;

use crate::context::NatsCredentials;
use crate::secret::SecretFile;

/// What the variables say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inherited {
    /// Where NATS is for control; `None` where no variable is about NATS.
    pub(crate) control: Option<InheritedServer>,
    /// Where NATS is for calls; `None` where it is the same.
    pub(crate) rpc: Option<InheritedServer>,
    /// The lattice.
    pub(crate) lattice: Option<LatticeName>,
    /// The JetStream domain of the lattice's state.
    pub(crate) js_domain: Option<String>,
    /// The beginning of control subjects.
    pub(crate) control_prefix: Option<SubjectPrefix>,
    /// What is about a host alone.
    pub(crate) host: InheritedHost,
    /// What is wrong with variables.
    pub(crate) problems: Vec<VariableProblem>,
    /// What is given and has no effect, a line each.
    pub(crate) warnings: Vec<String>,
    /// What is given and has effect unless something else is given.
    pub(crate) used: Vec<String>,
}

/// A NATS server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InheritedServer {
    /// Its URL.
    pub(crate) url: String,
    /// How to be let in.
    pub(crate) credentials: NatsCredentials,
}

/// What is about a host alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InheritedHost {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) seed: Option<SecretFile>,
    pub(crate) heartbeat_interval: Option<Duration>,
    pub(crate) component_auction: Option<bool>,
    pub(crate) provider_auction: Option<bool>,
    pub(crate) rpc_timeout: Option<Duration>,
    pub(crate) provider_drain_timeout: Option<Duration>,
    pub(crate) allow_file_load: Option<bool>,
    pub(crate) max_execution_time: Option<Duration>,
    pub(crate) max_linear_memory: Option<u64>,
    pub(crate) max_component_size: Option<u64>,
    pub(crate) max_components: Option<u32>,
    pub(crate) max_core_instances: Option<u32>,
    pub(crate) allow_latest: Option<bool>,
    pub(crate) allowed_insecure: Vec<String>,
    pub(crate) tls_ca_path: Option<PathBuf>,
    pub(crate) login: Option<InheritedLogin>,
    pub(crate) config_service: Option<bool>,
    pub(crate) http_admin: Option<SocketAddr>,
    pub(crate) log_level: Option<String>,
    pub(crate) logs_json: Option<bool>,
}

/// Who the host is to one registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InheritedLogin {
    pub(crate) registry: String,
    pub(crate) user: String,
    pub(crate) password: registry::Secret,
}

/// What is wrong with a variable.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum VariableProblem {
    /// The value has another form. It is not told: it may be a secret.
    #[error("`{name}` has to be {form}")]
    Form {
        /// The variable.
        name: String,
        /// What its value is.
        form: &'static str,
    },
    /// One that is of no use alone.
    #[error("`{name}` needs `{missing}`")]
    Half {
        /// What is given.
        name: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// Two ways to say who somebody is.
    #[error("`{first}` and `{second}` both say who the host is")]
    Two {
        /// A variable.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A safeguard that would not be there.
    #[error("`{name}` asks for a policy service, which this host does not have")]
    Policy {
        /// The variable.
        name: &'static str,
    },
}

// ===== impl Inherited =====

impl Inherited {
    /// What `variables` say; empty ones count as not given.
    pub(crate) fn read(variables: &BTreeMap<String, String>) -> Self {
        read::read(variables)
    }
}

// ===== impl VariableProblem =====

impl VariableProblem {
    /// The variable.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Form { name, .. } => name,
            Self::Half { name, .. } | Self::Policy { name } => name,
            Self::Two { first, .. } => first,
        }
    }

    /// Whether it keeps commands from finding the lattice.
    pub(crate) fn is_of_nats(&self) -> bool {
        let name = self.name();
        let others = [names::RPC_TIMEOUT, names::POLICY_TOPIC];
        let are_of_nats = [
            "WASMCLOUD_NATS_",
            "WASMCLOUD_CTL_",
            names::LATTICE,
            names::JS_DOMAIN,
        ];
        !others.contains(&name) && are_of_nats.iter().any(|one| name.starts_with(one))
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Form { .. } => "correct it, or take it out of the environment",
            Self::Half { .. } => "give both, or none of them",
            Self::Two { .. } => "leave out one of the two",
            Self::Policy { .. } => {
                "take it out of the environment if nothing here has to be asked for leave"
            }
        }
    }
}
