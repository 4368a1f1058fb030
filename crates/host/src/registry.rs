//! What runs on this host.
//!
//! Each entry is changed by the mailbox of its id alone; the router and the views of others read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weft_capabilities::config::Config as LiveConfig;
use weft_engine::{Code, Program};
use weft_model::digest::Digest;
use weft_model::id::{ComponentId, ConfigName, ProviderId};
use weft_model::labels::{Annotations, Labels};
use weft_model::limits::LimitOverrides;
use weft_model::problem::Problem;

use crate::builtin::Builtin;

/// What runs on this host, and its labels.
pub(crate) struct Registry {
    state: Mutex<State>,
    /// Raised with each change.
    version: watch::Sender<u64>,
}

struct State {
    labels: Labels,
    components: BTreeMap<ComponentId, RunningComponent>,
    providers: BTreeMap<ProviderId, RunningProvider>,
}

/// A component that runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RunningComponent {
    /// The reference as written.
    pub(crate) image: Arc<str>,
    pub(crate) digest: Digest,
    pub(crate) annotations: Arc<Annotations>,
    pub(crate) instances_max: u32,
    pub(crate) limits: LimitOverrides,
    pub(crate) configs: Arc<[ConfigName]>,
    pub(crate) code: Code,
    pub(crate) program: Arc<Program>,
    /// Its merged config, kept up by the router.
    pub(crate) config: Arc<LiveConfig>,
    /// What the router finds wrong with its links.
    pub(crate) problems: Arc<[Problem]>,
}

/// A provider that runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RunningProvider {
    /// The image as it is told in inventories.
    pub(crate) image: Arc<str>,
    pub(crate) annotations: Arc<Annotations>,
    pub(crate) configs: Arc<[ConfigName]>,
    pub(crate) builtin: Arc<Builtin>,
    /// What the router finds wrong with its config and links.
    pub(crate) problems: Arc<[Problem]>,
}

/// Everything that runs, at one moment.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) components: BTreeMap<ComponentId, RunningComponent>,
    pub(crate) providers: BTreeMap<ProviderId, RunningProvider>,
}

// ===== impl Registry =====

impl Registry {
    pub(crate) fn new(labels: Labels) -> Self {
        Self {
            state: Mutex::new(State {
                labels,
                components: BTreeMap::new(),
                providers: BTreeMap::new(),
            }),
            version: watch::Sender::new(0),
        }
    }

    /// Tells of changes, by their number.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            // Read under the lock that changes are made under.
            version: *self.version.borrow(),
            components: state.components.clone(),
            providers: state.providers.clone(),
        }
    }

    pub(crate) fn component(&self, id: &ComponentId) -> Option<RunningComponent> {
        self.state().components.get(id).cloned()
    }

    pub(crate) fn provider(&self, id: &ProviderId) -> Option<RunningProvider> {
        self.state().providers.get(id).cloned()
    }

    /// Puts a component in the place of the one with its id. Returns the number of the change.
    pub(crate) fn put_component(&self, id: ComponentId, component: RunningComponent) -> u64 {
        self.change(|state| {
            state.components.insert(id, component);
        })
    }

    pub(crate) fn remove_component(&self, id: &ComponentId) -> u64 {
        self.change(|state| {
            state.components.remove(id);
        })
    }

    pub(crate) fn put_provider(&self, id: ProviderId, provider: RunningProvider) -> u64 {
        self.change(|state| {
            state.providers.insert(id, provider);
        })
    }

    pub(crate) fn remove_provider(&self, id: &ProviderId) -> u64 {
        self.change(|state| {
            state.providers.remove(id);
        })
    }

    /// Notes what is wrong with a component; no change that the router would have to act on. Returns whether it is news.
    pub(crate) fn set_component_problems(&self, id: &ComponentId, problems: &[Problem]) -> bool {
        let mut state = self.state();
        let place = state
            .components
            .get_mut(id)
            .map(|component| &mut component.problems);
        replace_problems(place, problems)
    }

    /// Notes what is wrong with a provider; no change that the router would have to act on. Returns whether it is news.
    pub(crate) fn set_provider_problems(&self, id: &ProviderId, problems: &[Problem]) -> bool {
        let mut state = self.state();
        let place = state
            .providers
            .get_mut(id)
            .map(|provider| &mut provider.problems);
        replace_problems(place, problems)
    }

    pub(crate) fn labels(&self) -> Labels {
        self.state().labels.clone()
    }

    /// Sets a label, or removes it. Returns its former value.
    pub(crate) fn set_label(&self, key: &str, value: Option<String>) -> Option<String> {
        let mut state = self.state();
        match value {
            Some(value) => state.labels.insert(key.to_owned(), value),
            None => state.labels.remove(key),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> u64 {
        let mut state = self.state();
        change(&mut state);
        let mut version = 0;
        self.version.send_modify(|last| {
            *last += 1;
            version = *last;
        });
        version
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace_problems(place: Option<&mut Arc<[Problem]>>, problems: &[Problem]) -> bool {
    match place {
        Some(place) if **place != *problems => {
            *place = problems.into();
            true
        }
        _ => false,
    }
}
