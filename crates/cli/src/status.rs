//! Exit statuses: a promise to scripts.

use std::process::ExitCode;

/// How a command ended, as the exit status of the process. Numbers never change their meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
#[repr(u8)]
#[non_exhaustive]
pub enum Status {
    /// It did what it was asked.
    Ok = 0,
    /// Something nobody foresaw, such as output that cannot be written.
    Unforeseen = 1,
    /// The arguments are wrong; nothing was done.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// What was asked was refused: it is invalid, not allowed, or in conflict with something.
    Rejected = 4,
    /// Nobody who could do it can be reached.
    Unreachable = 5,
    /// The deadline passed; what was begun goes on.
    Deadline = 6,
    /// What is there differs from what was asked for, or does not converge.
    Differs = 7,
    /// Interrupted from the terminal; what was begun goes on.
    Interrupted = 130,
}

// ===== impl Status =====

impl Status {
    /// All statuses, ascending.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Unforeseen,
        Self::Usage,
        Self::NotFound,
        Self::Rejected,
        Self::Unreachable,
        Self::Deadline,
        Self::Differs,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The status with this number, where there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// What it means, in one line of the reference.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Unforeseen => "something unforeseen, such as output that cannot be written",
            Self::Usage => "the arguments are wrong",
            Self::NotFound => "what was named is not there",
            Self::Rejected => "refused: invalid, not allowed, or in conflict",
            Self::Unreachable => "nobody who could do it can be reached",
            Self::Deadline => "the deadline passed, what was begun goes on",
            Self::Differs => "what is there differs, or does not converge",
            Self::Interrupted => "interrupted from the terminal, what was begun goes on",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_by_its_number() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
        assert_eq!(Status::from_code(99), None);
    }
}
