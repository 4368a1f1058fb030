//! The key-value stores of this host: one database, opened when the first provider needs it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::{task, time};
use weft_capabilities::keyvalue::{Backend, Database, Embedded, Memory, SYNC_PERIOD};
use weft_model::application::Config;
use weft_model::id::ProviderId;
use weft_runtime::{TaskKind, Tasks};

use crate::builtin::{KeyValueKind, find_key};
use crate::error::Refusal;

/// The config key by which a link to a NATS key-value provider names its bucket (spec §12.4).
const BUCKET_KEY: &str = "bucket";

/// The database of this host.
pub(crate) struct Databases {
    path: PathBuf,
    tasks: Tasks,
    database: OnceCell<Database>,
}

/// The buckets of one provider.
pub(crate) struct Buckets {
    pub(crate) kind: KeyValueKind,
    provider: ProviderId,
    /// The image, for messages.
    image: String,
    /// `None` for a store in memory.
    database: Option<Database>,
    /// Backends by the bucket that links name; empty for kinds whose links name none.
    backends: Mutex<BTreeMap<String, Arc<Backend>>>,
    /// Backends by source and name of the links that lead here; kept up by the router.
    linked: Mutex<Linked>,
}

/// Backends by source and name of links.
pub(crate) type Linked = BTreeMap<(String, String), Arc<Backend>>;

// ===== impl Databases =====

impl Databases {
    pub(crate) fn new(path: PathBuf, tasks: Tasks) -> Self {
        Self {
            path,
            tasks,
            database: OnceCell::new(),
        }
    }

    /// Makes the store that a provider of this `kind` is.
    pub(crate) async fn buckets(
        &self,
        kind: KeyValueKind,
        provider: &ProviderId,
        image: &str,
    ) -> Result<Buckets, Refusal> {
        let database = match kind {
            KeyValueKind::Memory => None,
            KeyValueKind::Embedded | KeyValueKind::InPlaceOfRedis | KeyValueKind::InPlaceOfNats => {
                Some(self.database().await?)
            }
        };
        Ok(Buckets {
            kind,
            provider: provider.clone(),
            image: image.to_owned(),
            database,
            backends: Mutex::default(),
            linked: Mutex::default(),
        })
    }

    async fn database(&self) -> Result<Database, Refusal> {
        let database = self.database.get_or_try_init(|| async {
            let path = self.path.clone();
            let opened = task::spawn_blocking(move || Database::open(&path)).await;
            let reason = match opened {
                Ok(Ok(database)) => {
                    self.tasks.spawn(
                        TaskKind::Worker,
                        "host.keyvalue.sync",
                        sync(database.clone(), self.tasks.clone()),
                    );
                    return Ok(database);
                }
                Ok(Err(error)) => weft_model::problem::render_chain(&error),
                Err(_) => "interrupted by shutdown".to_owned(),
            };
            Err(Refusal::Database { reason })
        });
        database.await.cloned()
    }
}

/// Brings writes to the disk every so often, and at the end.
async fn sync(database: Database, tasks: Tasks) {
    let shutdown = tasks.shutdown();
    let mut timer = time::interval(SYNC_PERIOD);
    timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        let is_last = shutdown.or(timer.tick()).await.is_none();
        let database = database.clone();
        match task::spawn_blocking(move || database.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = %error, "Cannot bring key-value data to the disk")
            }
            Err(_) => return,
        }
        if is_last {
            return;
        }
    }
}

// ===== impl Buckets =====

impl Buckets {
    /// The backend for a link with this target config.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when the config names a backend elsewhere, or lacks the bucket that the replaced provider needs.
    pub(crate) fn backend(&self, config: &Config) -> Result<Arc<Backend>, Refusal> {
        self.kind.check_config(&self.image, config)?;
        let bucket = match self.kind {
            KeyValueKind::InPlaceOfNats => {
                find_key(config, BUCKET_KEY).ok_or_else(|| Refusal::BackendMissing {
                    key: BUCKET_KEY,
                    reference: self.image.clone(),
                })?
            }
            KeyValueKind::Embedded | KeyValueKind::Memory | KeyValueKind::InPlaceOfRedis => "",
        };
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backend) = backends.get(bucket) {
            return Ok(Arc::clone(backend));
        }
        let backend = Arc::new(self.open(bucket));
        backends.insert(bucket.to_owned(), Arc::clone(&backend));
        Ok(backend)
    }

    /// Exchanges what callers on other hosts are let in to.
    pub(crate) fn set_linked(&self, linked: Linked) {
        *self.linked.lock().unwrap_or_else(PoisonError::into_inner) = linked;
    }

    /// The backend for a caller on another host, by the link that it uses.
    pub(crate) fn linked(&self, source: &str, link_name: &str) -> Option<Arc<Backend>> {
        let linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (source.to_owned(), link_name.to_owned());
        linked.get(&key).map(Arc::clone)
    }

    fn open(&self, bucket: &str) -> Backend {
        let only_bucket = match self.kind {
            KeyValueKind::Embedded | KeyValueKind::Memory => None,
            // Redis knows no buckets, and NATS has that of the link.
            KeyValueKind::InPlaceOfRedis | KeyValueKind::InPlaceOfNats => Some(bucket),
        };
        match &self.database {
            Some(database) => Backend(Arc::new(Embedded::new(
                database.clone(),
                self.provider.as_str(),
                only_bucket,
            ))),
            None => Backend(Arc::new(Memory::default())),
        }
    }
}
