//! Providers to test with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::mpsc;
use weft_provider::keyvalue::{self, Error, KeyPage, Store};
use weft_provider::{Call, Config, Exports, Health, HookResult, Link, LinkRole, Provider, Start};

use crate::server::within;

/// What a provider was told.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Init {
        config: Config,
        token: Option<String>,
    },
    Put {
        is_target: bool,
        peer: String,
        name: String,
        config: Config,
        password: Option<String>,
    },
    Deleted {
        peer: String,
        name: String,
    },
    Config(Config),
    Shutdown,
}

/// A provider that tells what it is told.
pub(crate) struct Witness {
    told: mpsc::Sender<Told>,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) exports: Mutex<Option<Exports>>,
}

/// What a [`Witness`] was told.
pub(crate) struct Log {
    told: mpsc::Receiver<Told>,
}

/// A store in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    buckets: Mutex<BTreeMap<(String, String), Bytes>>,
}

// ===== impl Witness =====

impl Witness {
    pub(crate) fn new() -> (Self, Log) {
        let (sender, told) = mpsc::channel(1000);
        let witness = Self {
            told: sender,
            health: Arc::new(Mutex::new(Health::Healthy)),
            exports: Mutex::new(None),
        };
        (witness, Log { told })
    }

    pub(crate) fn serving(self, exports: Exports) -> Self {
        *self.exports.lock().unwrap() = Some(exports);
        self
    }

    async fn tell(&self, told: Told) -> HookResult {
        self.told.send(told).await.map_err(Into::into)
    }
}

impl Provider for Witness {
    async fn init(&self, start: Start) -> HookResult {
        let token = start.secrets.text("token").map(str::to_owned);
        let config = start.config;
        self.tell(Told::Init { config, token }).await
    }

    fn exports(self: Arc<Self>) -> Exports {
        self.exports.lock().unwrap().take().unwrap_or_default()
    }

    async fn link_put(&self, link: Arc<Link>) -> HookResult {
        if link.config.contains_key("refuse") {
            return Err("told to refuse".into());
        }
        if link.config.contains_key("panic") {
            panic!("told to panic");
        }
        self.tell(Told::Put {
            is_target: link.role == LinkRole::Target,
            peer: link.peer.clone(),
            name: link.name.clone(),
            config: link.config.clone(),
            password: link.secrets.text("password").map(str::to_owned),
        })
        .await
    }

    async fn link_delete(&self, link: Arc<Link>) -> HookResult {
        let (peer, name) = (link.peer.clone(), link.name.clone());
        self.tell(Told::Deleted { peer, name }).await
    }

    async fn config_update(&self, config: Config) -> HookResult {
        self.tell(Told::Config(config)).await
    }

    async fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    async fn shutdown(&self) -> HookResult {
        self.tell(Told::Shutdown).await
    }
}

// ===== impl Log =====

impl Log {
    pub(crate) async fn next(&mut self) -> Told {
        within(self.told.recv()).await.unwrap()
    }

    /// What was told so far and not asked for.
    pub(crate) fn rest(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }
}

// ===== impl MemoryStore =====

impl Store for MemoryStore {
    async fn get(&self, _: &Call, bucket: String, key: String) -> Result<Option<Bytes>, Error> {
        Ok(self.buckets.lock().unwrap().get(&(bucket, key)).cloned())
    }

    async fn set(&self, _: &Call, bucket: String, key: String, value: Bytes) -> Result<(), Error> {
        if bucket == "locked" {
            return Err(Error::AccessDenied);
        }
        self.buckets.lock().unwrap().insert((bucket, key), value);
        Ok(())
    }

    async fn delete(&self, _: &Call, bucket: String, key: String) -> Result<(), Error> {
        self.buckets.lock().unwrap().remove(&(bucket, key));
        Ok(())
    }

    async fn list_keys(&self, _: &Call, bucket: String, _: Option<u64>) -> Result<KeyPage, Error> {
        let buckets = self.buckets.lock().unwrap();
        let keys = buckets.keys().filter(|(of, _)| *of == bucket);
        Ok(KeyPage {
            keys: keys.map(|(_, key)| key.clone()).collect(),
            cursor: None,
        })
    }

    async fn increment(
        &self,
        _: &Call,
        bucket: String,
        key: String,
        delta: u64,
    ) -> Result<u64, Error> {
        let mut buckets = self.buckets.lock().unwrap();
        let value = buckets.entry((bucket, key)).or_default();
        let text = String::from_utf8_lossy(value);
        let sum = text.parse().unwrap_or(0) + delta;
        *value = sum.to_string().into();
        Ok(sum)
    }
}

impl Provider for MemoryStore {
    fn exports(self: Arc<Self>) -> Exports {
        keyvalue::exports(self)
    }
}
