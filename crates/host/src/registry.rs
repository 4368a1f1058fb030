//! What runs on this host.
//!
//! Each entry is changed by the mailbox of its id alone; the router and the views of others read.
//!
//! A host tells all of it in every heartbeat, and is taken for dead where that does not fit into a message. So what would not
//! fit is refused, problems aside, which can be left out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use weft_artifact::claims::Claims;
use weft_capabilities::config::Config as LiveConfig;
use weft_engine::{Code, Program};
use weft_model::digest::Digest;
use weft_model::id::{ComponentId, ConfigName, ProviderId};
use weft_model::labels::{Annotations, Labels};
use weft_model::limits::LimitOverrides;
use weft_model::problem::Problem;
use weft_protocol::json;

use crate::builtin::Builtin;
use crate::provider::{FACTS_BYTES_MAX, Process};

/// What runs on this host, and its labels.
pub(crate) struct Registry {
    state: Mutex<State>,
    /// Raised with each change.
    version: watch::Sender<u64>,
    /// Bytes of labels and entries as inventories tell them, problems left out.
    bytes_max: usize,
    components_max: usize,
}

struct State {
    labels: Labels,
    components: BTreeMap<ComponentId, RunningComponent>,
    providers: BTreeMap<ProviderId, RunningProvider>,
    /// Bytes of the entries of components and providers.
    entry_bytes: usize,
}

/// What runs would not fit into an inventory any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct InventoryFull {
    pub(crate) bytes_max: usize,
}

/// Nothing more may run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    /// An inventory would not hold it.
    Inventory(InventoryFull),
    /// As many components run as may.
    Components { components_max: usize },
}

/// A component that runs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RunningComponent {
    /// The reference as written.
    pub(crate) image: Arc<str>,
    pub(crate) digest: Digest,
    /// What its publisher signed; `None` where it is not signed.
    pub(crate) claims: Option<Arc<Claims>>,
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
    pub(crate) backing: Backing,
    /// What the router finds wrong with its config and links.
    pub(crate) problems: Arc<[Problem]>,
}

/// What a provider consists of.
#[derive(Clone)]
pub(crate) enum Backing {
    /// A part of this host.
    Builtin(Arc<Builtin>),
    /// A process of its own.
    Process(Arc<Process>),
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
    /// Nothing runs yet. What will may take `bytes_max` bytes of an inventory, together with the labels; at most
    /// `components_max` of it are components.
    pub(crate) fn new(labels: Labels, bytes_max: usize, components_max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                labels,
                components: BTreeMap::new(),
                providers: BTreeMap::new(),
                entry_bytes: 0,
            }),
            version: watch::Sender::new(0),
            bytes_max,
            components_max,
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
    ///
    /// # Errors
    ///
    /// [`Full`]; then nothing has changed.
    pub(crate) fn put_component(
        &self,
        id: ComponentId,
        component: RunningComponent,
    ) -> Result<u64, Full> {
        let bytes = component.told_bytes(&id);
        self.change(|state| {
            let former = state.components.get(&id);
            if former.is_none() && state.components.len() >= self.components_max {
                return Err(Full::Components {
                    components_max: self.components_max,
                });
            }
            let former_bytes = former.map_or(0, |former| former.told_bytes(&id));
            state
                .exchange_bytes(former_bytes, bytes, self.bytes_max)
                .map_err(Full::Inventory)?;
            state.components.insert(id, component);
            Ok(())
        })
    }

    pub(crate) fn remove_component(&self, id: &ComponentId) -> u64 {
        self.change_always(|state| {
            if let Some(former) = state.components.remove(id) {
                state.entry_bytes -= former.told_bytes(id);
            }
        })
    }

    /// Puts a provider in the place of the one with its id. Returns the number of the change.
    ///
    /// # Errors
    ///
    /// [`InventoryFull`]; then nothing has changed.
    pub(crate) fn put_provider(
        &self,
        id: ProviderId,
        provider: RunningProvider,
    ) -> Result<u64, InventoryFull> {
        let bytes = provider.told_bytes(&id);
        self.change(|state| {
            let former = state.providers.get(&id);
            let former_bytes = former.map_or(0, |former| former.told_bytes(&id));
            state.exchange_bytes(former_bytes, bytes, self.bytes_max)?;
            state.providers.insert(id, provider);
            Ok(())
        })
    }

    pub(crate) fn remove_provider(&self, id: &ProviderId) -> u64 {
        self.change_always(|state| {
            if let Some(former) = state.providers.remove(id) {
                state.entry_bytes -= former.told_bytes(id);
            }
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

    /// Sets a label.
    ///
    /// # Errors
    ///
    /// [`InventoryFull`]; then nothing has changed.
    pub(crate) fn set_label(&self, key: &str, value: String) -> Result<(), InventoryFull> {
        let mut state = self.state();
        let former = state.labels.insert(key.to_owned(), value);
        if state.told_bytes() > self.bytes_max {
            match former {
                Some(former) => state.labels.insert(key.to_owned(), former),
                None => state.labels.remove(key),
            };
            return Err(InventoryFull {
                bytes_max: self.bytes_max,
            });
        }
        Ok(())
    }

    /// Removes a label. Returns whether it was there.
    pub(crate) fn remove_label(&self, key: &str) -> bool {
        self.state().labels.remove(key).is_some()
    }

    fn change<E>(&self, change: impl FnOnce(&mut State) -> Result<(), E>) -> Result<u64, E> {
        let mut state = self.state();
        change(&mut state)?;
        let mut version = 0;
        self.version.send_modify(|last| {
            *last += 1;
            version = *last;
        });
        Ok(version)
    }

    fn change_always(&self, change: impl FnOnce(&mut State)) -> u64 {
        let Ok(version) = self.change(|state| {
            change(state);
            Ok::<_, Infallible>(())
        });
        version
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl State =====

impl State {
    /// Bytes of labels and entries in an inventory without problems.
    fn told_bytes(&self) -> usize {
        json::encode(&self.labels).len() + self.entry_bytes
    }

    /// Counts an entry of `bytes` in the place of one of `former`, if it fits.
    fn exchange_bytes(
        &mut self,
        former: usize,
        bytes: usize,
        bytes_max: usize,
    ) -> Result<(), InventoryFull> {
        if bytes > former && self.told_bytes() - former + bytes > bytes_max {
            return Err(InventoryFull { bytes_max });
        }
        self.entry_bytes = self.entry_bytes - former + bytes;
        Ok(())
    }
}

// ===== impl RunningComponent, RunningProvider =====

impl RunningComponent {
    /// Bytes of the entry in an inventory, with the comma behind it and without problems.
    fn told_bytes(&self, id: &ComponentId) -> usize {
        let mut entry = self.to_entry(id.as_str());
        entry.weft_problems.clear();
        json::encode(&entry).len() + 1
    }
}

impl RunningProvider {
    /// Bytes of the entry in an inventory, with the comma behind it and without problems.
    fn told_bytes(&self, id: &ProviderId) -> usize {
        let facts = match self.backing {
            Backing::Builtin(_) => 0,
            Backing::Process(_) => FACTS_BYTES_MAX,
        };
        json::encode(&self.lasting_entry(id.as_str())).len() + facts + 1
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

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(annotation: &str) -> RunningProvider {
        RunningProvider {
            image: "http-server".into(),
            annotations: Arc::new(Annotations::from([("a".to_owned(), annotation.to_owned())])),
            configs: Arc::new([]),
            backing: Backing::Builtin(Arc::new(Builtin::HttpServer)),
            problems: Arc::new([]),
        }
    }

    #[test]
    fn what_does_not_fit_into_an_inventory_does_not_run() {
        let id = |text: &str| text.parse::<ProviderId>().unwrap();
        let bytes = provider("x").told_bytes(&id("p0"));
        let registry = Registry::new(Labels::new(), 3 * bytes, 1);
        for name in ["p0", "p1"] {
            registry.put_provider(id(name), provider("x")).unwrap();
        }
        // Two entries and `{}` for the labels leave no room for a third.
        let full = InventoryFull {
            bytes_max: 3 * bytes,
        };
        assert_eq!(registry.put_provider(id("p2"), provider("x")), Err(full));
        assert!(registry.provider(&id("p2")).is_none());
        assert_eq!(registry.set_label("k", "v".repeat(bytes)), Err(full));
        assert_eq!(registry.labels(), Labels::new());

        let grown = provider(&"x".repeat(bytes));
        assert_eq!(registry.put_provider(id("p1"), grown), Err(full));
        registry.remove_provider(&id("p0"));
        registry.put_provider(id("p2"), provider("y")).unwrap();
        registry.put_provider(id("p2"), provider("z")).unwrap();
        registry.remove_provider(&id("p1"));
        registry.remove_provider(&id("p2"));
        assert_eq!(registry.state().entry_bytes, 0);
    }
}
