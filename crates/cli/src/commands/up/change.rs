//! What `weft up` tells while it runs: changes, and nothing twice.

use std::collections::BTreeMap;

use serde::Serialize;
use weft_lattice::ConnectionState;
use weft_lattice::protocol::application::{Status, StatusType};
use weft_lattice::protocol::event::{Data, Event};
use weft_model::id::ApplicationName;

use crate::commands::app::address::AddressView;
use crate::commands::app::status::{problems_of, word};
use crate::ui::count;
use crate::view::{Block, ProblemView, SchemaVersion, View};

/// Parts of which it is known what was told last.
const PARTS_MAX: usize = 4096;
/// What is told of a part that runs no more.
const STOPPED: &str = "stopped";

/// Something that is now otherwise.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct ChangeView {
    schema_version: SchemaVersion,
    /// `application`, `component`, `provider` or `connection`.
    subject: &'static str,
    /// What it is called.
    name: String,
    /// The version of an application; `null` otherwise.
    version: Option<String>,
    /// What it is now.
    status: &'static str,
    /// A sentence about it; may be empty.
    message: String,
    /// Where an application that is deployed answers HTTP; empty otherwise.
    addresses: Vec<AddressView>,
    /// What is in the way.
    problems: Vec<ProblemView>,
}

/// What was told last of each application.
#[derive(Debug, Default)]
pub(super) struct Told {
    applications: BTreeMap<ApplicationName, (StatusType, String)>,
    /// Components and providers that have not stopped, with what was told of them.
    parts: BTreeMap<(&'static str, String), (&'static str, String)>,
}

// ===== impl Told =====

impl Told {
    /// What to tell of an application with this status; `None` when that was told.
    pub(super) fn see(&mut self, name: &ApplicationName, status: &Status) -> Option<ChangeView> {
        let state = (status.info.kind, status.version.clone());
        if status.info.kind == StatusType::Undeployed {
            // One that never ran is no change.
            self.applications.remove(name)?;
        } else if self.applications.insert(name.clone(), state.clone()) == Some(state) {
            return None;
        }
        Some(application(name, status))
    }

    /// What to tell of an event of this host; `None` for those that tell nothing new to people. What fails is tried again,
    /// and fails again with the same words.
    pub(super) fn see_event(&mut self, event: &Event) -> Option<ChangeView> {
        let change = of_event(event)?;
        let part = (change.subject, change.name.clone());
        if change.status == STOPPED {
            self.parts.remove(&part);
            return Some(change);
        }
        if self.parts.len() >= PARTS_MAX {
            // What is told once more does no harm.
            self.parts.clear();
        }
        let state = (change.status, change.message.clone());
        let told = self.parts.insert(part, state.clone());
        (told != Some(state)).then_some(change)
    }
}

fn application(name: &ApplicationName, status: &Status) -> ChangeView {
    let problems = problems_of(status);
    ChangeView {
        version: (!status.version.is_empty()).then(|| status.version.clone()),
        message: if problems.is_empty() {
            String::new()
        } else {
            status.info.message.clone()
        },
        problems: problems.iter().map(ProblemView::from).collect(),
        ..ChangeView::new("application", name.as_str(), word(status.info.kind))
    }
}

fn of_event(event: &Event) -> Option<ChangeView> {
    let change = match &event.data {
        Data::ComponentScaled(data) if data.max_instances == 0 => {
            ChangeView::new("component", &data.component_id, STOPPED)
        }
        Data::ComponentScaled(data) => {
            let instances = usize::try_from(data.max_instances).unwrap_or(usize::MAX);
            ChangeView {
                message: format!("up to {}", count(instances, "instance")),
                ..ChangeView::new("component", &data.component_id, "running")
            }
        }
        Data::ComponentScaleFailed(data) => ChangeView {
            message: data.error.clone(),
            ..ChangeView::new("component", &data.component_id, "failed")
        },
        Data::ProviderStarted(data) => ChangeView {
            message: match &data.weft_substitution {
                Some(substitution) => format!("with a stand-in: {substitution}"),
                None => String::new(),
            },
            ..ChangeView::new("provider", &data.provider_id, "running")
        },
        Data::ProviderStopped(data) => ChangeView::new("provider", &data.provider_id, STOPPED),
        Data::ProviderStartFailed(data) => ChangeView {
            message: data.error.clone(),
            ..ChangeView::new("provider", &data.provider_id, "failed")
        },
        Data::ProviderDied(data) => ChangeView {
            message: data.reason.clone(),
            ..ChangeView::new("provider", &data.provider_id, "died")
        },
        Data::ProviderRestarted(data) => ChangeView::new("provider", &data.provider_id, "running"),
        Data::ProviderCrashLoop(data) => ChangeView {
            message: data.reason.clone(),
            ..ChangeView::new("provider", &data.provider_id, "crash-looping")
        },
        Data::ProviderHangs(data) => {
            ChangeView::new("provider", &data.provider_id, "not answering")
        }
        Data::HealthCheckFailed(data) => {
            ChangeView::new("provider", &data.provider_id, "unhealthy")
        }
        _ => return None,
    };
    Some(change)
}

/// What to tell of the connection to NATS at `url`.
pub(super) fn of_connection(url: &str, state: ConnectionState) -> ChangeView {
    let (status, message) = match state {
        ConnectionState::Connected => ("connected", ""),
        _ => ("disconnected", "what runs goes on; trying again"),
    };
    ChangeView {
        message: message.to_owned(),
        ..ChangeView::new("connection", url, status)
    }
}

// ===== impl ChangeView =====

impl ChangeView {
    fn new(subject: &'static str, name: &str, status: &'static str) -> Self {
        Self {
            schema_version: SchemaVersion,
            subject,
            name: name.to_owned(),
            version: None,
            status,
            message: String::new(),
            addresses: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Whether it tells of an application that is deployed.
    pub(super) fn is_deployment(&self) -> bool {
        self.subject == "application" && self.status == word(StatusType::Deployed)
    }

    /// What it tells of.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The version that it tells of.
    pub(super) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The same, with addresses.
    pub(super) fn with_addresses(mut self, addresses: Vec<AddressView>) -> Self {
        self.addresses = addresses;
        self
    }
}

impl View for ChangeView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let version = match &self.version {
            Some(version) => format!(" version `{version}`"),
            None => String::new(),
        };
        let mut line = format!("{} `{}`{version}: {}", self.subject, self.name, self.status);
        if !self.message.is_empty() {
            line = format!("{line}, {}", self.message);
        }
        let mut blocks = vec![Block::Nothing(line)];
        for address in &self.addresses {
            let component = address.component();
            let text = format!("  `{component}` answers at {}", address.describe());
            blocks.push(Block::Done(text));
        }
        for problem in &self.problems {
            let text = format!("  {} [{}]", problem.message, problem.code);
            blocks.push(Block::Nothing(text));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_lattice::protocol::application::StatusInfo;
    use weft_lattice::protocol::event::{ComponentScaleFailed, ComponentScaled};

    fn status(kind: StatusType, version: &str) -> Status {
        Status {
            info: StatusInfo {
                kind,
                message: String::new(),
            },
            version: version.to_owned(),
            ..Status::default()
        }
    }

    #[test]
    fn nothing_is_told_twice() {
        let mut told = Told::default();
        let name: ApplicationName = "shop".parse().unwrap();
        let undeployed = status(StatusType::Undeployed, "");
        assert_eq!(told.see(&name, &undeployed), None);
        let deployed = status(StatusType::Deployed, "v1");
        let change = told.see(&name, &deployed).unwrap();
        assert!(change.is_deployment());
        assert_eq!(told.see(&name, &deployed), None);
        assert!(
            told.see(&name, &status(StatusType::Deployed, "v2"))
                .is_some()
        );
        assert!(told.see(&name, &undeployed).is_some());
        assert_eq!(told.see(&name, &undeployed), None);
    }

    #[test]
    fn a_failure_that_comes_again_is_told_once() {
        let event = |data: Data| Event {
            id: String::new(),
            source: String::new(),
            time: None,
            data,
        };
        let failed = |error: &str| {
            event(Data::ComponentScaleFailed(ComponentScaleFailed {
                component_id: "shop-web".to_owned(),
                error: error.to_owned(),
                ..ComponentScaleFailed::default()
            }))
        };
        let scaled = |max_instances| {
            event(Data::ComponentScaled(ComponentScaled {
                component_id: "shop-web".to_owned(),
                max_instances,
                ..ComponentScaled::default()
            }))
        };
        let mut told = Told::default();
        let mut check = |event: &Event, is_told| {
            assert_eq!(told.see_event(event).is_some(), is_told, "{event:?}");
        };
        check(&failed("no such file"), true);
        check(&failed("no such file"), false);
        check(&failed("not WebAssembly"), true);
        check(&scaled(1), true);
        check(&scaled(1), false);
        check(&scaled(0), true);
        check(&scaled(1), true);
    }
}
