//! The built-in HTTP server: sockets on one side, components on the other.
//!
//! Each core has a thread with a runtime and a socket of its own; a connection stays on its thread, and so do the
//! instances that answer its requests. Listeners are shared by all providers of a host: each brings rules (which host
//! and path lead to which component), and a listener lives as long as it has rules.
//!
//! ```text
//! links and configs ── settings ──► Binding ── HttpServer::apply ──► listener (per address) ── Routes ──► Program
//! ```

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use weft_model::id::{ComponentId, ProviderId};
use weft_model::problem::Coded;

pub use self::access_log::AccessLog;
use self::listener::Listening;
use self::routing::Routes;
pub use self::routing::{PathRule, Rule};
pub use self::settings::{Binding, SettingsError, parse_binding};
use self::workers::Workers;

mod access_log;
mod connection;
mod listener;
mod respond;
#[cfg(target_os = "linux")]
mod reuse_port_linux;
mod routing;
mod settings;
mod workers;

/// Settings of the server.
#[derive(Debug)]
pub struct Options {
    /// Where links that name no address are served.
    pub shared_address: SocketAddr,
    /// Threads; each has a runtime and, on Linux, sockets of its own.
    pub threads: usize,
    /// Open connections, over all listeners; more wait to be accepted.
    pub connections_max: usize,
    /// Time for the head of a request to arrive, and for an idle connection to stay open.
    pub head_timeout: Duration,
    /// Bytes of the head of a request.
    pub head_bytes_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// Where requests are logged; `None` logs none.
    pub access_log: Option<AccessLog>,
}

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct HttpServer {
    shared: Arc<Shared>,
}

struct Shared {
    shared_address: SocketAddr,
    workers: Workers,
    state: Mutex<State>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct State {
    listeners: BTreeMap<SocketAddr, Listening>,
    /// What is served for each provider.
    rules: BTreeMap<ProviderId, Vec<(SocketAddr, Rule)>>,
    /// Whether the server has been drained, or is being.
    is_drained: bool,
}

/// What only one rule can have: address, host and paths.
type Place = (SocketAddr, Option<String>, PathRule);

/// What has happened to requests.
#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    /// Answers that were broken off after their head was sent.
    cut: AtomicU64,
    /// Answers by class of status, from 1xx to 5xx.
    classes: [AtomicU64; 5],
}

/// A snapshot of the counters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Requests begun.
    pub requests: u64,
    /// Answers that were broken off after their head was sent.
    pub cut: u64,
    /// Answers by class of status, from 1xx to 5xx.
    pub classes: [u64; 5],
    /// Open connections.
    pub connections: usize,
}

/// Why a rule is not served.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another rule has the same address, host and path.
    #[error("{place} on {address} is already served by component `{holder}`")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// Host and path, for people.
        place: String,
        /// Whose rule it is.
        holder: String,
    },
}

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            shared_address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            connections_max: 10_000,
            head_timeout: Duration::from_secs(60),
            head_bytes_max: 64 << 10,
            streams_max: 200,
            access_log: None,
        }
    }
}

// ===== impl HttpServer =====

impl HttpServer {
    /// Starts the threads. Nothing is listened on yet.
    ///
    /// # Errors
    ///
    /// The operating system refuses threads or runtimes.
    pub fn start(options: Options) -> io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let shared_address = options.shared_address;
        let workers = Workers::start(options, Arc::clone(&counters))?;
        Ok(Self {
            shared: Arc::new(Shared {
                shared_address,
                workers,
                state: Mutex::default(),
                counters,
            }),
        })
    }

    /// Where links that name no address are served.
    pub fn shared_address(&self) -> SocketAddr {
        self.shared.shared_address
    }

    /// Makes `rules` the rules of `provider`, in place of those it had; those of others stay. See [`Self::apply_all`].
    ///
    /// Returns what could not be done, with the position of the rule.
    pub fn apply(
        &self,
        provider: &ProviderId,
        rules: Vec<(SocketAddr, Rule)>,
    ) -> Vec<(usize, ApplyError)> {
        let mut state = self.state();
        let mut wanted = state.rules.clone();
        wanted.insert(provider.clone(), rules);
        self.settle(&mut state, wanted)
            .remove(provider)
            .unwrap_or_default()
    }

    /// Makes `wanted` the rules of all providers, in place of those there were. New addresses are listened on; those that
    /// nobody has rules for any more are closed, and their open requests answered.
    ///
    /// Rules take effect at once and all together on each address; a place that passes from one provider to another is
    /// served all the time. Among rules for the same place the one that was there first stays. Once the server has been
    /// drained, nothing is served any more. Returns what could not be done, with the position of the rule, by provider.
    pub fn apply_all(
        &self,
        wanted: BTreeMap<ProviderId, Vec<(SocketAddr, Rule)>>,
    ) -> BTreeMap<ProviderId, Vec<(usize, ApplyError)>> {
        self.settle(&mut self.state(), wanted)
    }

    fn settle(
        &self,
        state: &mut State,
        wanted: BTreeMap<ProviderId, Vec<(SocketAddr, Rule)>>,
    ) -> BTreeMap<ProviderId, Vec<(usize, ApplyError)>> {
        let mut errors: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if state.is_drained {
            return errors;
        }
        let places: HashSet<(ProviderId, Place)> = mem::take(&mut state.rules)
            .into_iter()
            .flat_map(|(provider, rules)| {
                rules
                    .into_iter()
                    .map(move |(address, rule)| (provider.clone(), place(address, &rule)))
            })
            .collect();
        // Those who have a place already come first.
        let (kept, new): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .flat_map(|(provider, rules)| {
                let rules = rules.into_iter().enumerate();
                rules.map(move |(position, (address, rule))| {
                    let place = place(address, &rule);
                    ((provider.clone(), place), position, rule)
                })
            })
            .partition(|(key, ..)| places.contains(key));
        let mut holders: HashMap<Place, ComponentId> = HashMap::new();
        for ((provider, place), position, rule) in kept.into_iter().chain(new) {
            let address = place.0;
            let done = match holders.get(&place) {
                Some(holder) => Err(ApplyError::Taken {
                    address,
                    place: rule.place(),
                    holder: holder.to_string(),
                }),
                None => self.ensure_listener(state, address),
            };
            match done {
                Ok(()) => {
                    holders.insert(place, rule.component.clone());
                    state
                        .rules
                        .entry(provider)
                        .or_default()
                        .push((address, rule));
                }
                Err(error) => errors.entry(provider).or_default().push((position, error)),
            }
        }
        state.publish();
        errors
    }

    /// Addresses that are listened on, as bound: a port of 0 is replaced by the real one.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let state = self.state();
        state
            .listeners
            .values()
            .map(|listening| listening.listener.bound)
            .collect()
    }

    /// The address that is bound where `address` was asked for, if it is listened on.
    pub fn bound(&self, address: SocketAddr) -> Option<SocketAddr> {
        self.state()
            .listeners
            .get(&address)
            .map(|listening| listening.listener.bound)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            requests: counters.requests.load(Ordering::Relaxed),
            cut: counters.cut.load(Ordering::Relaxed),
            classes: std::array::from_fn(|class| counters.classes[class].load(Ordering::Relaxed)),
            connections: self.shared.workers.connections(),
        }
    }

    /// Closes all listeners, lets open requests end for up to `patience`, then breaks off the rest. Returns how many
    /// connections were broken off.
    pub async fn drain(&self, patience: Duration) -> usize {
        {
            let mut state = self.state();
            state.is_drained = true;
            state.rules.clear();
            state.listeners.clear();
        }
        self.shared.workers.drain(patience).await
    }

    fn ensure_listener(&self, state: &mut State, address: SocketAddr) -> Result<(), ApplyError> {
        if let Entry::Vacant(vacant) = state.listeners.entry(address) {
            let listener = self.shared.workers.listen(address);
            vacant.insert(listener.map_err(|error| ApplyError::Listen {
                address,
                source: Arc::new(error),
            })?);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(address: SocketAddr, rule: &Rule) -> Place {
    (address, rule.host.clone(), rule.path.clone())
}

// ===== impl State =====

impl State {
    /// Gives each listener the rules of its address, and closes those without.
    fn publish(&mut self) {
        let mut by_address: BTreeMap<SocketAddr, Vec<Rule>> = BTreeMap::new();
        for (address, rule) in self.rules.values().flatten() {
            by_address.entry(*address).or_default().push(rule.clone());
        }
        self.listeners.retain(|address, listening| {
            let rules = by_address.remove(address);
            if let Some(rules) = rules {
                listening
                    .listener
                    .routes
                    .store(Arc::new(Routes::new(rules)));
                true
            } else {
                false
            }
        });
    }
}

// ===== impl ApplyError =====

impl Coded for ApplyError {
    fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "HTP001",
            Self::Taken { .. } => "HTP002",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Listen { address, .. } | Self::Taken { address, .. } => address.to_string(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => vec![
                format!(
                    "see who has the port: `ss -ltnp 'sport = :{}'`",
                    address.port()
                ),
                "give the link another `address` in its source config".to_owned(),
            ],
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec!["use a port of 1024 or above".to_owned()]
            }
            Self::Listen { .. } => {
                vec!["check that the address belongs to this machine".to_owned()]
            }
            Self::Taken { .. } => {
                vec!["give one of the links another `host`, `path` or `address`".to_owned()]
            }
        }
    }
}

#[cfg(test)]
mod tests;
