//! What goes wrong with calls, as it is told to people.

use weft_model::problem::Coded;

use crate::client::CallError;
use crate::failure::FailureCode;
use crate::ty::TypeError;

/// A call that failed, with the function that was called.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the call of `{function}` failed")]
pub struct CallProblem {
    /// The subject of the function.
    pub function: String,
    /// Why.
    #[source]
    pub error: CallError,
}

/// A function whose types cannot cross the wire.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{function}` cannot be called from afar")]
pub struct TypeProblem {
    /// The instance and the name of the function.
    pub function: String,
    /// Why.
    #[source]
    pub error: TypeError,
}

// ===== impl CallProblem =====

impl Coded for CallProblem {
    fn code(&self) -> &'static str {
        match &self.error {
            CallError::NoResponders => "RPC001",
            CallError::Deadline => "RPC002",
            CallError::Failed(failure) => match failure.code {
                FailureCode::NoSuchFunction => "RPC001",
                FailureCode::Deadline => "RPC002",
                FailureCode::Denied => "RPC004",
                FailureCode::Overloaded => "RPC005",
                FailureCode::Codec => "RPC008",
                FailureCode::Trap | FailureCode::Cancelled | FailureCode::Unknown(_) => "RPC003",
            },
            CallError::NoResults => "RPC006",
            CallError::Lost | CallError::Connection | CallError::Status { .. } => "RPC007",
            CallError::Params(_) | CallError::Results(_) => "RPC008",
            CallError::TooLarge { .. } | CallError::NoMemory => "RPC009",
            CallError::TooDeep => "RPC010",
            CallError::Gone => "RPC012",
        }
    }

    fn subject(&self) -> String {
        self.function.clone()
    }

    fn hints(&self) -> Vec<String> {
        match &self.error {
            CallError::NoResponders => {
                vec!["see with `weft inventory` whether the callee runs anywhere".to_owned()]
            }
            error if error.is_retriable() => {
                vec!["call again, or give the callee more instances".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

// ===== impl TypeProblem =====

impl Coded for TypeProblem {
    fn code(&self) -> &'static str {
        "RPC011"
    }

    fn subject(&self) -> String {
        self.function.clone()
    }
}
