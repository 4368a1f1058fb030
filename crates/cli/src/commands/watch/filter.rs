//! Which events are shown.

use weft_lattice::protocol::event::{Data, Event};
use weft_model::id::EntityId;
use weft_model::problem::Coded;

use super::line::{hosts_of, parts_of};
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::{join_words, nearest};

/// The kinds of events that this version knows.
pub(super) const KINDS: [&str; 22] = [
    "host_started",
    "host_heartbeat",
    "host_stopped",
    "labels_changed",
    "component_scaled",
    "component_scale_failed",
    "provider_started",
    "provider_start_failed",
    "provider_stopped",
    "health_check_passed",
    "health_check_failed",
    "health_check_status",
    "linkdef_set",
    "linkdef_set_failed",
    "linkdef_deleted",
    "config_set",
    "config_deleted",
    "weft_provider_died",
    "weft_provider_restarted",
    "weft_provider_crash_loop",
    "weft_provider_hangs",
    "weft_artifact_pulling",
];

/// Which events are shown.
pub(super) struct Filter {
    kinds: Vec<String>,
    part: Option<String>,
    host: Option<String>,
}

/// There is no such kind of events.
#[derive(Debug, thiserror::Error)]
#[error("there is no kind of events `{kind}`")]
pub(super) struct KindError {
    kind: String,
}

/// Checks that each of `kinds` means at least one kind.
pub(super) fn check_kinds(kinds: &[String]) -> Result<(), KindError> {
    let unknown = kinds
        .iter()
        .find(|pattern| !KINDS.iter().any(|kind| matches(pattern, kind)));
    match unknown {
        None => Ok(()),
        Some(kind) => Err(KindError { kind: kind.clone() }),
    }
}

/// Whether `text` is what `pattern` means, in which `*` stands for any letters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len())
        .filter(|&at| rest.is_char_boundary(at))
        .any(|at| matches(after, &rest[at..]))
}

// ===== impl Filter =====

impl Filter {
    pub(super) fn new(kinds: &[String], part: Option<&EntityId>, host: Option<String>) -> Self {
        Self {
            kinds: kinds.to_vec(),
            part: part.map(ToString::to_string),
            host,
        }
    }

    /// Whether `event` is shown.
    pub(super) fn takes(&self, event: &Event) -> bool {
        let is_kind = match self.kinds.as_slice() {
            [] => !matches!(event.data, Data::HostHeartbeat(_)),
            kinds => {
                let name = event.data.name();
                kinds.iter().any(|pattern| matches(pattern, name))
            }
        };
        let is_part = self
            .part
            .as_ref()
            .is_none_or(|part| parts_of(&event.data).iter().any(|id| id == part));
        let is_host = self.host.as_ref().is_none_or(|host| {
            event.source == *host || hosts_of(&event.data).is_some_and(|id| id == host)
        });
        is_kind && is_part && is_host
    }
}

// ===== impl KindError =====

impl Coded for KindError {
    fn code(&self) -> &'static str {
        "CLI010"
    }

    fn subject(&self) -> String {
        self.kind.clone()
    }

    fn hints(&self) -> Vec<String> {
        let near = nearest(&self.kind, KINDS);
        let similar = (!near.is_empty()).then(|| format!("similar: {}", join_words(&near)));
        let list = "list all kinds with `weft watch --kinds`".to_owned();
        similar.into_iter().chain([list]).collect()
    }
}

impl From<KindError> for Failure {
    fn from(error: KindError) -> Self {
        Self::new(Status::NotFound, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        assert!(matches("provider_*", "provider_started"));
        assert!(matches("*failed", "linkdef_set_failed"));
        assert!(matches("*", "config_set"));
        assert!(matches("*set*", "linkdef_set_failed"));
        assert!(!matches("provider_*", "weft_provider_died"));
        assert!(!matches("config", "config_set"));
        assert!(check_kinds(&["config_set".to_owned(), "link*".to_owned()]).is_ok());
        assert!(check_kinds(&["config".to_owned()]).is_err());
    }

    #[test]
    fn pulls_are_a_kind_of_events() {
        let text = r#"{"id":"1","type":"dev.weft.artifact_pulling","source":"NABC","data":{}}"#;
        let event = Event::decode(text.as_bytes()).unwrap();
        let kinds = [event.data.name().to_owned()];
        assert!(check_kinds(&kinds).is_ok(), "{kinds:?}");
        assert!(Filter::new(&kinds, None, None).takes(&event));
    }

    #[test]
    fn events_are_chosen_by_kind_part_and_host() {
        let text = r#"{"id":"1","type":"com.wasmcloud.lattice.linkdef_deleted","source":"NABC",
            "data":{"source_id":"web","name":"default","wit_namespace":"wasi","wit_package":"keyvalue","target":"kv"}}"#;
        let event = Event::decode(text.as_bytes()).unwrap();
        let check = |kinds: &[&str], part: Option<&str>, host: Option<&str>, expected: bool| {
            let kinds: Vec<String> = kinds.iter().map(|&kind| kind.to_owned()).collect();
            let part = part.map(|part| part.parse().unwrap());
            let filter = Filter::new(&kinds, part.as_ref(), host.map(str::to_owned));
            assert_eq!(
                filter.takes(&event),
                expected,
                "{kinds:?} {part:?} {host:?}"
            );
        };
        check(&[], None, None, true);
        check(&["link*"], Some("kv"), Some("NABC"), true);
        check(&["config*"], None, None, false);
        check(&[], Some("other"), None, false);
        check(&[], None, Some("NABD"), false);
        let beat = r#"{"id":"1","type":"com.wasmcloud.lattice.host_heartbeat","source":"NABC",
            "data":{"components":[],"providers":[]}}"#;
        let beat = Event::decode(beat.as_bytes()).unwrap();
        assert!(!Filter::new(&[], None, None).takes(&beat));
        assert!(Filter::new(&["host_heartbeat".to_owned()], None, None).takes(&beat));
    }
}
