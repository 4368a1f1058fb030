//! What inventories tell of a provider's process.

use weft_model::labels::Annotations;
use weft_model::problem::{Coded, Problem};
use weft_protocol::wire::annotation;

use super::supervision::{Condition, Exit, Supervision};
use crate::error::Refusal;

/// Bytes that the facts about a process take in an inventory at most, with what JSON puts around them.
pub(crate) const FACTS_BYTES_MAX: usize = 320;
/// Bytes of the text about the last exit, any of which JSON may write as two.
const EXIT_BYTES_MAX: usize = 80;

/// What is known of a provider's process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Status {
    condition: Condition,
    restarts: u64,
    last_exit: Option<Exit>,
    short_lives: u32,
    pid: Option<u32>,
}

// ===== impl Status =====

impl Status {
    pub(super) fn new(supervision: &Supervision, pid: Option<u32>) -> Self {
        Self {
            condition: supervision.condition(),
            restarts: supervision.restarts(),
            last_exit: supervision.last_exit().cloned(),
            short_lives: supervision.short_lives(),
            pid,
        }
    }

    /// Adds what is known to the annotations of the provider.
    pub(crate) fn annotate(&self, annotations: &mut Annotations) {
        let mut set = |key: &str, value: String| annotations.insert(key.to_owned(), value);
        set(annotation::STATE, word(self.condition).to_owned());
        set(annotation::RESTARTS, self.restarts.to_string());
        if let Some(exit) = &self.last_exit {
            set(annotation::LAST_EXIT, shorten(&exit.to_string()));
        }
        if let Some(pid) = self.pid {
            set(annotation::PROCESS_ID, pid.to_string());
        }
    }

    /// What keeps the provider from being used.
    pub(crate) fn problem(&self, provider: &str) -> Option<Problem> {
        let exit = self.last_exit.as_ref().map(ToString::to_string)?;
        let refusal = match self.condition {
            Condition::CrashLoop => Refusal::CrashLoop {
                provider: provider.to_owned(),
                exit,
                deaths: self.short_lives,
            },
            Condition::BackingOff => Refusal::BackingOff {
                provider: provider.to_owned(),
                exit,
            },
            _ => return None,
        };
        Some(Problem::new(&refusal as &dyn Coded))
    }
}

fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::Starting => "starting",
        Condition::Running => "running",
        Condition::Unhealthy => "unhealthy",
        Condition::Silent => "not-answering",
        Condition::BackingOff => "backing-off",
        Condition::CrashLoop => "crash-loop",
        Condition::Stopping => "stopping",
        Condition::Stopped => "stopped",
    }
}

/// The beginning of `text`, of characters that take one byte each.
fn shorten(text: &str) -> String {
    let plain = |char: char| match char {
        ' '..='~' => char,
        _ => '?',
    };
    text.chars().map(plain).take(EXIT_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use weft_protocol::json;

    use super::*;

    #[test]
    fn the_facts_have_the_room_that_is_kept_for_them() {
        let status = Status {
            condition: Condition::Silent,
            restarts: u64::MAX,
            last_exit: Some(Exit::NotSpawned {
                reason: "\"\u{1}ü".repeat(100),
            }),
            short_lives: u32::MAX,
            pid: Some(u32::MAX),
        };
        let mut annotations = Annotations::new();
        status.annotate(&mut annotations);
        assert_eq!(annotations.len(), 4);
        let bytes = json::encode(&annotations).len();
        assert!(bytes <= FACTS_BYTES_MAX, "{bytes}");
        assert_eq!(annotations[annotation::STATE], "not-answering");
        assert_eq!(status.problem("kv"), None);
    }
}
