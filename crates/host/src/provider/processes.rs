//! What all provider processes of a host share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use weft_runtime::Tasks;

use super::executable::Executables;
use super::keys::HostKeys;
use super::options::Options;
use super::spawner::Spawner;

/// What all provider processes of a host share.
pub(crate) struct Processes {
    pub(crate) options: Arc<Options>,
    pub(crate) executables: Executables,
    pub(super) keys: Arc<HostKeys>,
    pub(super) spawner: Spawner,
    pub(super) tasks: Tasks,
    /// As many as processes may run.
    pub(super) permits: Arc<Semaphore>,
}

// ===== impl Processes =====

impl Processes {
    /// Nothing runs yet. Copies of executables are kept in `dir`.
    ///
    /// # Errors
    ///
    /// When the thread that makes processes cannot be started.
    pub(crate) fn new(options: Options, dir: PathBuf, tasks: Tasks) -> io::Result<Self> {
        let executables = Executables::new(
            dir,
            options.executable_bytes_max,
            options.executables_bytes_max,
        );
        let permits = options.processes_max.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            executables,
            keys: Arc::new(HostKeys::generate()),
            spawner: Spawner::start()?,
            tasks,
            permits: Arc::new(Semaphore::new(permits)),
            options: Arc::new(options),
        })
    }
}
