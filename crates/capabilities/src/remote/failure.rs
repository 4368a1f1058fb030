//! What failed calls are on the wire, and what such failures are here.

use std::sync::Arc;

use weft_engine::{CallError, Failed, Overload, RemoteProblem};
use weft_model::problem::render_chain;
use weft_wrpc::{CallError as WireError, Failure, FailureCode};

/// On the wire: the chain of calls is too long. Of Weft alone.
const DEPTH_CODE: &str = "depth";

/// What the caller is told of a call that failed here.
pub(super) fn told(failed: &Failed) -> Failure {
    let error = failed.error();
    let code = match error {
        CallError::Denied(_) => FailureCode::Denied,
        CallError::Overloaded { .. } => FailureCode::Overloaded,
        CallError::Deadline => FailureCode::Deadline,
        CallError::Cancelled => FailureCode::Cancelled,
        CallError::Depth { .. } => FailureCode::Unknown(DEPTH_CODE.to_owned()),
        CallError::Remote { problem, .. } => match problem {
            RemoteProblem::Overloaded { .. } => FailureCode::Overloaded,
            RemoteProblem::Denied { .. } => FailureCode::Denied,
            _ => FailureCode::Trap,
        },
        _ => FailureCode::Trap,
    };
    let mut failure = Failure::new(code, error.to_string());
    // A call that failed because one that it made was refused has begun all the same; and one that has waited long enough is
    // not to wait again.
    failure.is_retriable = matches!(
        failed,
        Failed::Refused(CallError::Overloaded { bound, .. }) if *bound != Overload::QueueTime
    );
    failure
}

/// What a failed call of `target`, at `depth`, is to the one who made it.
pub(super) fn understood(target: &str, depth: u32, error: &WireError) -> CallError {
    let text = || -> Arc<str> { render_chain(error).into() };
    let too_deep = CallError::Depth {
        depth,
        depth_max: weft_wrpc::client::DEPTH_MAX,
    };
    let problem = match error {
        WireError::Deadline => return CallError::Deadline,
        WireError::TooDeep => return too_deep,
        WireError::NoResponders => RemoteProblem::NoResponders,
        WireError::Failed(failure) => {
            let message = failure.message.as_str().into();
            match &failure.code {
                FailureCode::Deadline => return CallError::Deadline,
                FailureCode::Denied => RemoteProblem::Denied { message },
                FailureCode::Overloaded => RemoteProblem::Overloaded { message },
                FailureCode::NoSuchFunction => RemoteProblem::NoResponders,
                FailureCode::Codec => RemoteProblem::Values { message },
                FailureCode::Unknown(code) if code == DEPTH_CODE => return too_deep,
                _ => RemoteProblem::Failed { message },
            }
        }
        WireError::NoResults => RemoteProblem::Failed { message: text() },
        WireError::Params(_) | WireError::Results(_) => RemoteProblem::Values { message: text() },
        _ => RemoteProblem::Transport { message: text() },
    };
    CallError::Remote {
        target: target.into(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_has_not_begun_is_to_be_made_again() {
        let overloaded = |bound| CallError::Overloaded {
            bound,
            instances_max: 1,
        };
        assert!(told(&Failed::Refused(overloaded(Overload::Queue))).is_retriable);
        assert!(!told(&Failed::Refused(overloaded(Overload::QueueTime))).is_retriable);
        assert!(!told(&Failed::Begun(overloaded(Overload::Queue))).is_retriable);
        assert!(!told(&Failed::Refused(CallError::Deadline)).is_retriable);
    }

    #[test]
    fn failures_keep_their_kind_across_the_wire() {
        let cross = |error: CallError| {
            let failure = told(&Failed::Begun(error));
            understood("there", 3, &WireError::Failed(failure))
        };
        assert!(matches!(cross(CallError::Deadline), CallError::Deadline));
        let deep = CallError::Depth {
            depth: 17,
            depth_max: 16,
        };
        assert!(matches!(cross(deep), CallError::Depth { depth: 3, .. }));
        let trapped = CallError::Trapped {
            reason: "unreachable".into(),
        };
        let CallError::Remote {
            problem: RemoteProblem::Failed { message },
            ..
        } = cross(trapped)
        else {
            panic!("a trap is a failure of the other end");
        };
        assert!(message.contains("unreachable"), "{message}");
    }
}
