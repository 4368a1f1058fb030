//! Commands whose effect has not been observed yet.
//!
//! The planner leaves out what is pending, so that nothing is asked for twice while it is on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_model::application::Config;
use weft_model::id::{ApplicationName, ComponentId, ConfigName, EntityId, HostId, ProviderId};
use weft_model::inventory::HostInventory;
use weft_planner::{Action, Object, Step};

use crate::clock::Moment;
use crate::observed::StepNumber;

/// The last command about each object.
#[derive(Debug)]
pub(crate) struct Pending {
    commands: BTreeMap<Object, Command>,
    timeout: Duration,
}

/// What a command was for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Purpose {
    /// The application.
    pub(crate) application: ApplicationName,
    /// The version of its revision; empty when none is to run.
    pub(crate) version: String,
}

/// What a host said came of a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A component was scaled to so many instances of an image, or could not be.
    Scaled(HostId, ComponentId, u32, String),
    /// A provider was started, or could not be.
    Started(HostId, ProviderId),
    /// A provider was stopped.
    Stopped(HostId, ProviderId),
}

#[derive(Debug)]
struct Command {
    action: Action,
    purpose: Purpose,
    progress: Progress,
}

/// How far a command is.
#[derive(Debug, Eq, PartialEq)]
enum Progress {
    /// It is about to be sent.
    Queued,
    /// It was acknowledged, or written as this revision.
    Sent { at: Moment, revision: Option<u64> },
    /// The host said in this step that it is done.
    Settled { step: StepNumber },
}

// ===== impl Pending =====

impl Pending {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            commands: BTreeMap::new(),
            timeout,
        }
    }

    /// The commands as the planner wants them.
    pub(crate) fn actions(&self) -> Vec<Action> {
        self.commands
            .values()
            .map(|command| command.action.clone())
            .collect()
    }

    /// Whether anything is pending for the application.
    pub(crate) fn has(&self, application: &ApplicationName) -> bool {
        self.commands
            .values()
            .any(|command| &command.purpose.application == application)
    }

    /// The steps of a plan are about to be sent.
    pub(crate) fn queue<'a>(&mut self, steps: impl IntoIterator<Item = (&'a Step, Purpose)>) {
        for (step, purpose) in steps {
            let command = Command {
                action: step.action.clone(),
                purpose,
                progress: Progress::Queued,
            };
            self.commands.insert(step.action.object(), command);
        }
    }

    /// A command was acknowledged; what writes a record or config was written as `revision`.
    pub(crate) fn sent(&mut self, now: Moment, action: &Action, revision: Option<u64>) {
        let command = self.commands.get_mut(&action.object());
        // It may have been settled before its acknowledgement was read.
        if let Some(command) = command
            && command.action == *action
            && command.progress == Progress::Queued
        {
            command.progress = Progress::Sent { at: now, revision };
        }
    }

    /// A command was not sent, or refused.
    pub(crate) fn drop(&mut self, action: &Action) {
        let object = action.object();
        if let Some(command) = self.commands.get(&object)
            && command.action == *action
        {
            self.commands.remove(&object);
        }
    }

    /// Nothing of a plan is sent any more.
    pub(crate) fn drop_queued(&mut self) {
        self.commands
            .retain(|_, command| command.progress != Progress::Queued);
    }

    /// A host said that something was done; what it runs is asked for. Gives what the command was for.
    pub(crate) fn settle(&mut self, step: StepNumber, outcome: &Outcome) -> Option<Purpose> {
        let command = self.commands.get_mut(&outcome.object())?;
        if !outcome.is_of(&command.action) {
            return None;
        }
        command.progress = Progress::Settled { step };
        Some(command.purpose.clone())
    }

    /// A host said that something could not be done. Gives what the command was for.
    pub(crate) fn fail(&mut self, outcome: &Outcome) -> Option<Purpose> {
        let object = outcome.object();
        let command = self.commands.get(&object)?;
        if !outcome.is_of(&command.action) {
            return None;
        }
        self.commands.remove(&object).map(|command| command.purpose)
    }

    /// A host said what it runs; that has been so since `step`. Gives the objects of commands whose effect is there.
    pub(crate) fn observe(&mut self, step: StepNumber, inventory: &HostInventory) -> Vec<Object> {
        self.take(|object, command| {
            let host = match object {
                Object::Component(host, _) | Object::Provider(host, _) => host,
                Object::Config(_) | Object::Record(_) => return false,
            };
            host == &inventory.host
                && match command.progress {
                    Progress::Settled { step: settled } => settled <= step,
                    Progress::Queued | Progress::Sent { .. } => {
                        is_effective(&command.action, inventory)
                    }
                }
        })
    }

    /// The content of a config was observed. Gives its object if that is what was commanded.
    pub(crate) fn observe_config(
        &mut self,
        name: &ConfigName,
        present: Option<&Config>,
    ) -> Vec<Object> {
        self.take(|_, command| match &command.action {
            Action::PutConfig { name: one, values } => one == name && present == Some(values),
            Action::DeleteConfig { name: one } => one == name && present.is_none(),
            _ => false,
        })
    }

    /// The record of `source` was observed at `revision`. Gives its object if the command about it has been written.
    pub(crate) fn observe_record(&mut self, source: &EntityId, revision: u64) -> Vec<Object> {
        self.take(|object, command| {
            let written = match command.progress {
                Progress::Sent { revision, .. } => revision,
                Progress::Queued | Progress::Settled { .. } => None,
            };
            matches!(object, Object::Record(one) if one == source)
                && written.is_some_and(|written| written <= revision)
        })
    }

    /// A host said that it fetches `image`: commands that wait for that are not given up yet.
    pub(crate) fn extend(&mut self, now: Moment, host: &HostId, image: &str) {
        for (object, command) in &mut self.commands {
            let is_waiting = match (object, &command.action) {
                (Object::Component(one, _), Action::ScaleComponent { image: wanted, .. })
                | (Object::Provider(one, _), Action::StartProvider { image: wanted, .. }) => {
                    one == host && wanted == image
                }
                _ => false,
            };
            if is_waiting && let Progress::Sent { at, .. } = &mut command.progress {
                *at = now;
            }
        }
    }

    /// A host is gone.
    pub(crate) fn lose_host(&mut self, host: &HostId) {
        self.take(|object, _| {
            matches!(object, Object::Component(one, _) | Object::Provider(one, _) if one == host)
        });
    }

    /// Everything is forgotten: somebody else acts, or has acted.
    pub(crate) fn clear(&mut self) {
        self.commands.clear();
    }

    /// Gives up commands whose effect was not observed in time, and counts them.
    pub(crate) fn expire(&mut self, now: Moment) -> usize {
        let timeout = self.timeout;
        let expired = self.take(|_, command| match command.progress {
            Progress::Sent { at, .. } => now >= at + timeout,
            Progress::Queued | Progress::Settled { .. } => false,
        });
        expired.len()
    }

    /// When the next command is given up.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        self.commands
            .values()
            .filter_map(|command| match command.progress {
                Progress::Sent { at, .. } => Some(at + self.timeout),
                Progress::Queued | Progress::Settled { .. } => None,
            })
            .min()
    }

    fn take(&mut self, which: impl Fn(&Object, &Command) -> bool) -> Vec<Object> {
        self.commands
            .extract_if(.., |object, command| which(object, command))
            .map(|(object, _)| object)
            .collect()
    }
}

// ===== impl Outcome =====

impl Outcome {
    /// What it is about.
    pub(crate) fn object(&self) -> Object {
        match self {
            Self::Scaled(host, id, ..) => Object::Component(host.clone(), id.clone()),
            Self::Started(host, id) | Self::Stopped(host, id) => {
                Object::Provider(host.clone(), id.clone())
            }
        }
    }

    /// The host.
    pub(crate) fn host(&self) -> &HostId {
        let (Self::Scaled(host, ..) | Self::Started(host, _) | Self::Stopped(host, _)) = self;
        host
    }

    /// The component or provider.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Scaled(_, id, ..) => id.as_str(),
            Self::Started(_, id) | Self::Stopped(_, id) => id.as_str(),
        }
    }

    /// Whether it is the outcome of `action` and not of one before it about the same object.
    fn is_of(&self, action: &Action) -> bool {
        match (self, action) {
            // By the number alone, that of an update would be taken for that of the next one. What was ended has any image.
            (Self::Scaled(_, _, scaled, of), Action::ScaleComponent { count, image, .. }) => {
                scaled == count && (*count == 0 || of == image)
            }
            (Self::Started(..), Action::StartProvider { .. })
            | (Self::Stopped(..), Action::StopProvider { .. }) => true,
            _ => false,
        }
    }
}

/// Whether the host runs what the action asks for, told by what hosts report of it.
fn is_effective(action: &Action, inventory: &HostInventory) -> bool {
    match action {
        Action::ScaleComponent {
            id,
            image,
            count,
            annotations,
            ..
        } => {
            let present = inventory.components.iter().find(|one| one.id == *id);
            match (present, count) {
                (present, 0) => present.is_none(),
                (None, _) => false,
                (Some(one), _) => {
                    one.image == *image
                        && one.instances_max == *count
                        && one.annotations == *annotations
                }
            }
        }
        Action::StartProvider {
            id,
            image,
            annotations,
            ..
        } => inventory.providers.iter().any(|one| {
            one.id == *id && one.image.as_ref() == Some(image) && one.annotations == *annotations
        }),
        Action::StopProvider { id, .. } => inventory.providers.iter().all(|one| one.id != *id),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
