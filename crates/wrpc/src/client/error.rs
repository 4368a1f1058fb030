//! Why a call gave no results.

use crate::codec;
use crate::failure::Failure;

use super::DEPTH_MAX;

/// Why a call gave no results.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nobody serves the function: the callee runs nowhere, or has no such function.
    #[error("nobody serves the function")]
    NoResponders,
    /// NATS answered in place of the callee.
    #[error("NATS answered the call with status {status}")]
    Status {
        /// Its status.
        status: u16,
    },
    /// The time of the call was up.
    #[error("the call took longer than it may")]
    Deadline,
    /// The callee, of Weft, says why.
    #[error("the callee failed")]
    Failed(#[source] Failure),
    /// Whoever worked on the call is gone: its process or its connection has ended, or it knows nothing of the call.
    #[error("the callee is gone")]
    Gone,
    /// The results ended early. A callee of 1.9 does that when it traps, is denied the call, runs out of time or
    /// cannot decode the parameters (spec §4.7).
    #[error("the callee ended the call without results")]
    NoResults,
    /// Messages of the results were lost on the way.
    #[error("messages of the call were lost")]
    Lost,
    /// The parameters cannot be encoded.
    #[error("the parameters cannot be encoded")]
    Params(#[source] codec::Error),
    /// What came back are no results of the function's types.
    #[error("the results are not of the types of the function")]
    Results(#[source] codec::Error),
    /// The parameters are larger than [`crate::Options::call_bytes_max`].
    #[error("parameters of {bytes} bytes are too large")]
    TooLarge {
        /// Their size.
        bytes: usize,
    },
    /// The results, or those of all calls together, need more memory than [`crate::Options`] allow.
    #[error("the calls of this process hold as much memory as they may")]
    NoMemory,
    /// More calls within each other than [`DEPTH_MAX`].
    #[error("more than {DEPTH_MAX} calls are within each other")]
    TooDeep,
    /// The connection to NATS was closed.
    #[error("the connection to NATS was closed")]
    Connection,
}

// ===== impl CallError =====

impl CallError {
    /// Whether the call cannot have had an effect and may succeed when it is made again.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NoResponders => true,
            Self::Failed(failure) => failure.is_retriable,
            _ => false,
        }
    }

    /// Whether the callee may still be at work.
    pub(super) fn leaves_callee_running(&self) -> bool {
        matches!(
            self,
            Self::Deadline | Self::Results(_) | Self::NoMemory | Self::Lost
        )
    }
}
