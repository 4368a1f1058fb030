//! What hosts say they run, and which of them are alive.
//!
//! It works by level: an event only marks its host, which is then asked for its inventory; heartbeats are inventories
//! too. What an inventory says replaces everything that was known of its host.

mod host;
mod rhythm;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use weft_model::id::{HostId, ProviderId};
use weft_model::inventory::HostInventory;

use self::host::Host;
use crate::clock::Moment;

/// The number of a step of the controller: what came with a higher one came later.
pub(crate) type StepNumber = u64;

/// How long after NATS became reachable again hosts may take to be reachable too: that nobody listens under their ids until
/// then does not say that they are gone. Longer than the longest pause between two attempts to connect.
const RECONNECT_GRACE: Duration = Duration::from_secs(6);

/// The hosts of the lattice.
#[derive(Debug)]
pub(crate) struct Observed {
    settings: Settings,
    hosts: BTreeMap<HostId, Host>,
    /// How many inventories are asked for.
    asking: usize,
    /// Providers whose last report of health was bad.
    unhealthy: BTreeSet<(HostId, ProviderId)>,
    /// While NATS is unreachable nobody can be heard, and silence means nothing.
    is_connected: bool,
    /// Until when hosts may be on their way back.
    grace_until: Moment,
}

/// Settings of the observation.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// How often hosts are expected to be heard of.
    pub(crate) heartbeat_interval: Duration,
    /// How many inventories are asked for at once.
    pub(crate) asks_max: usize,
}

/// What was heard of a host.
#[derive(Clone, Debug)]
pub(crate) enum Sign {
    /// It answered a ping, or said that it started.
    Greeting(HostId),
    /// It told what it runs.
    Heartbeat(Arc<HostInventory>),
    /// It told that something changed.
    Changed(HostId),
    /// It said that it stops.
    Stopped(HostId),
    /// Nobody listens any more to what it is told.
    Lost(HostId),
    /// It was asked for its inventory.
    Answered(HostId, Answer),
    /// It told that a provider is well, or not.
    Health {
        /// The host.
        host: HostId,
        /// The provider.
        provider: ProviderId,
        /// Whether it is well.
        is_well: bool,
    },
}

/// What came of asking a host for its inventory.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The inventory.
    Inventory(Arc<HostInventory>),
    /// Nobody listens under the id of the host.
    Gone,
    /// No answer came in time, or none that is understood.
    None,
}

/// What follows from something that was heard.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct News {
    /// Whether what is observed is different now.
    pub(crate) is_changed: bool,
    /// An inventory that came, and since which step what it says has been so.
    pub(crate) fresh: Option<(HostId, StepNumber)>,
    /// Hosts that are gone.
    pub(crate) gone: Vec<HostId>,
    /// Whether a host is gone that did not say so.
    pub(crate) is_loss: bool,
}

/// How urgently a host is to be asked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Concern {
    /// It is not.
    None,
    /// It reports problems, which may pass.
    Problems,
    /// It has not come to what it is to act on.
    Behind,
}

// ===== impl Observed =====

impl Observed {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            hosts: BTreeMap::new(),
            asking: 0,
            unhealthy: BTreeSet::new(),
            is_connected: true,
            grace_until: Moment::ZERO,
        }
    }

    /// The inventories of the hosts that are alive, by id.
    pub(crate) fn inventories(&self) -> impl Iterator<Item = &Arc<HostInventory>> {
        self.hosts.values().filter_map(Host::inventory)
    }

    /// The inventory of a host.
    pub(crate) fn inventory(&self, host: &HostId) -> Option<&Arc<HostInventory>> {
        self.hosts.get(host)?.inventory()
    }

    /// Whether any host is known.
    pub(crate) fn has_hosts(&self) -> bool {
        self.inventories().next().is_some()
    }

    /// Providers whose last report of health was bad.
    pub(crate) fn unhealthy(&self) -> &BTreeSet<(HostId, ProviderId)> {
        &self.unhealthy
    }

    /// Whether all hosts that are known have said what they run, or failed to.
    pub(crate) fn is_settled(&self) -> bool {
        self.hosts.values().all(Host::is_settled)
    }

    /// Whether no host is being asked, or is to be asked because of what was heard.
    pub(crate) fn is_idle(&self) -> bool {
        self.hosts.values().all(Host::is_idle)
    }

    /// Takes in what was heard.
    pub(crate) fn hear(&mut self, now: Moment, step: StepNumber, sign: Sign) -> News {
        match sign {
            Sign::Greeting(host) | Sign::Changed(host) => {
                self.host(now, host).touch(now);
                News::default()
            }
            Sign::Heartbeat(inventory) => {
                self.host(now, inventory.host.clone()).beat(now);
                self.replace(now, step, inventory)
            }
            Sign::Stopped(host) => self.remove(&host),
            Sign::Lost(host) => self.lose(now, &host),
            Sign::Answered(host, answer) => self.take_answer(now, step, host, answer),
            Sign::Health {
                host,
                provider,
                is_well,
            } => {
                let key = (host, provider);
                let is_changed = if is_well {
                    self.unhealthy.remove(&key)
                } else {
                    self.unhealthy.insert(key)
                };
                News {
                    is_changed,
                    ..News::default()
                }
            }
        }
    }

    /// Marks the hosts for which `concerns` holds: something that they act on has changed.
    pub(crate) fn touch(&mut self, concerns: impl Fn(&HostInventory) -> bool) {
        for host in self.hosts.values_mut() {
            if host.inventory().is_some_and(|one| concerns(one)) {
                host.mark();
            }
        }
    }

    /// Marks all hosts.
    pub(crate) fn touch_all(&mut self) {
        for host in self.hosts.values_mut() {
            host.mark();
        }
    }

    /// Says how urgently `host` is to be asked again after it has just been heard of.
    pub(crate) fn set_concern(&mut self, now: Moment, host: &HostId, concern: Concern) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.set_concern(now, concern);
        }
    }

    /// NATS became unreachable, or reachable again.
    pub(crate) fn set_connected(&mut self, now: Moment, is_connected: bool) {
        if is_connected && !self.is_connected {
            self.grace_until = now + RECONNECT_GRACE;
            for host in self.hosts.values_mut() {
                host.touch(now);
            }
        }
        self.is_connected = is_connected;
    }

    /// The hosts to ask now; they are asked from now on.
    pub(crate) fn take_asks(&mut self, now: Moment, step: StepNumber) -> Vec<HostId> {
        let mut asks = Vec::new();
        if !self.is_connected {
            return asks;
        }
        for (id, host) in &mut self.hosts {
            if self.asking >= self.settings.asks_max {
                break;
            }
            if host.wants_ask(now) {
                host.ask(step);
                self.asking += 1;
                asks.push(id.clone());
            }
        }
        asks
    }

    /// Gives up hosts that were silent for too long.
    pub(crate) fn expire(&mut self, now: Moment) -> News {
        let silent: Vec<HostId> = self
            .hosts
            .iter()
            .filter(|(_, host)| self.is_connected && host.is_lost(now))
            .map(|(id, _)| id.clone())
            .collect();
        let mut news = News::default();
        for host in silent {
            let one = self.remove(&host);
            news.is_changed |= one.is_changed;
            news.gone.extend(one.gone);
            news.is_loss = true;
        }
        news
    }

    /// When a host is to be asked, or given up, although nothing is heard.
    pub(crate) fn deadline(&self) -> Option<Moment> {
        if !self.is_connected {
            return None;
        }
        let can_ask = self.asking < self.settings.asks_max;
        self.hosts
            .values()
            .filter_map(|host| host.deadline(can_ask))
            .min()
    }

    fn take_answer(&mut self, now: Moment, step: StepNumber, host: HostId, answer: Answer) -> News {
        self.asking = self.asking.saturating_sub(1);
        let Some(known) = self.hosts.get_mut(&host) else {
            // It was given up meanwhile; if it lives, it is heard of again.
            return News::default();
        };
        let asked = known.answered().unwrap_or(step);
        match answer {
            Answer::Inventory(inventory) => {
                known.heard(now);
                self.replace(now, asked, inventory)
            }
            Answer::Gone => self.lose(now, &host),
            Answer::None => {
                known.missed(now);
                News::default()
            }
        }
    }

    fn replace(&mut self, now: Moment, step: StepNumber, inventory: Arc<HostInventory>) -> News {
        let id = inventory.host.clone();
        let is_changed = self.host(now, id.clone()).replace(inventory);
        let running = |key: &(HostId, ProviderId)| {
            key.0 != id
                || self
                    .inventory(&id)
                    .is_some_and(|inventory| inventory.providers.iter().any(|one| one.id == key.1))
        };
        let unhealthy = self
            .unhealthy
            .iter()
            .filter(|key| running(key))
            .cloned()
            .collect();
        self.unhealthy = unhealthy;
        News {
            is_changed,
            fresh: Some((id, step)),
            ..News::default()
        }
    }

    /// Nobody listens under the id of the host.
    fn lose(&mut self, now: Moment, host: &HostId) -> News {
        if now < self.grace_until {
            if let Some(host) = self.hosts.get_mut(host) {
                host.missed(now);
            }
            return News::default();
        }
        News {
            is_loss: true,
            ..self.remove(host)
        }
    }

    fn remove(&mut self, host: &HostId) -> News {
        let Some(removed) = self.hosts.remove(host) else {
            return News::default();
        };
        self.unhealthy.retain(|(one, _)| one != host);
        News {
            is_changed: removed.inventory().is_some(),
            gone: vec![host.clone()],
            ..News::default()
        }
    }

    fn host(&mut self, now: Moment, id: HostId) -> &mut Host {
        let expected = self.settings.heartbeat_interval;
        self.hosts
            .entry(id)
            .or_insert_with(|| Host::new(now, expected))
    }
}

#[cfg(test)]
mod tests;
