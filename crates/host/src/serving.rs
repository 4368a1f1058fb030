//! The components of this host that other hosts can call.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future;
use tokio::time::Instant;
use weft_capabilities::remote::{Error, Serving, Wire};
use weft_engine::Program;
use weft_model::id::{EntityId, ProviderId};

use crate::builtin::Builtin;

/// What of this host others can call. Each entry is changed by the mailbox of its id alone.
pub(crate) struct Servings {
    wire: Wire,
    running: Mutex<BTreeMap<EntityId, Serving>>,
}

// ===== impl Servings =====

impl Servings {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            wire,
            running: Mutex::default(),
        }
    }

    /// Checks what [`Self::put`] and calls of others need of a program.
    pub(crate) fn check(&self, program: &Arc<Program>) -> Result<(), Error> {
        self.wire.check(program)
    }

    /// Serves a program in the place of the one that was served under its id. The old one takes calls until the new one
    /// does.
    pub(crate) async fn put(&self, program: &Arc<Program>) -> Result<(), Error> {
        let serving = self.wire.serve(program).await?;
        let id = EntityId::from(program.component());
        let mut running = self.running();
        match serving {
            Some(serving) => running.insert(id, serving),
            None => running.remove(&id),
        };
        Ok(())
    }

    /// Serves the stores of a provider.
    pub(crate) async fn put_provider(
        &self,
        id: &ProviderId,
        provider: &Arc<Builtin>,
    ) -> Result<(), Error> {
        if matches!(&**provider, Builtin::HttpServer) {
            return Ok(());
        }
        let provider = Arc::clone(provider);
        let choose = move |source: &str, link_name: &str| match &*provider {
            Builtin::KeyValue(buckets) => buckets.linked(source, link_name),
            Builtin::HttpServer => None,
        };
        let serving = self.wire.serve_keyvalue(id, Arc::new(choose)).await?;
        self.running().insert(EntityId::from(id), serving);
        Ok(())
    }

    /// Lets no new calls come to a component or provider from elsewhere; returns once those that were delivered have been begun.
    pub(crate) async fn remove(&self, id: &EntityId, timeout: Duration) {
        let serving = self.running().remove(id);
        if let Some(serving) = serving {
            serving.stop(Instant::now() + timeout).await;
        }
    }

    /// The same for all.
    pub(crate) async fn remove_all(&self, timeout: Duration) {
        let all = mem::take(&mut *self.running());
        let deadline = Instant::now() + timeout;
        future::join_all(all.values().map(|serving| serving.stop(deadline))).await;
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<EntityId, Serving>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
