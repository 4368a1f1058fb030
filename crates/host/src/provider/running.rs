//! A process that runs, and what it was told.

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::time;
use weft_model::id::{EntityId, ProviderId};
use weft_protocol::provider::LinkDefinition;
use weft_runtime::{TaskKind, field};

use super::brief::{Brief, BriefedLink, Change, are_same_link, changes};
use super::executable::Executable;
use super::host_data::{Origin, line};
use super::keys::ProcessKeys;
use super::options::Options;
use super::output::{self, Stream};
use super::process_unix::{kill_group, terminate_group};
use super::processes::Processes;
use super::spawner::Program;
use super::talk::Talk;
use crate::error::Refusal;

/// How long a process may take to read its host data.
const HOST_DATA_TIMEOUT: Duration = Duration::from_secs(30);

/// A process that runs. Dropping it kills the process.
pub(super) struct Running {
    origin: Arc<Origin>,
    talk: Talk,
    child: Child,
    pid: u32,
    keys: ProcessKeys,
    /// What it was started with.
    first_brief: Arc<Brief>,
    /// What it was told, as far as is known.
    told: Brief,
    /// Links of which deletions were told a moment ago to all processes of the provider. SDKs follow deletions and puts side by side, so that what is sent one
    /// after the other may be acted upon the other way round.
    uncertain: Vec<LinkDefinition>,
    /// Whether it has answered, so that what it is told from then on reaches it.
    is_listening: bool,
    /// Whether it answers on a subject of its own.
    pub(super) has_own_subject: bool,
}

// ===== impl Running =====

impl Running {
    /// Starts a process that is to know `brief`.
    pub(super) async fn start(
        processes: &Processes,
        executable: &Executable,
        brief: Arc<Brief>,
        origin: Arc<Origin>,
        talk: Talk,
    ) -> Result<Self, Refusal> {
        let Processes { spawner, tasks, .. } = processes;
        let keys = ProcessKeys::generate()?;
        let line = line(&origin.host_data(&brief, &keys)?);
        let program = Program {
            path: executable.path().to_owned(),
            environment: environment(&origin.options),
        };
        let refused = |error: io::Error| Refusal::Spawn {
            provider: origin.provider.to_string(),
            reason: error.to_string(),
        };
        let mut child = spawner.spawn(program).await.map_err(refused)?;
        let pid = child.id();
        let pid = pid.ok_or_else(|| refused(io::ErrorKind::BrokenPipe.into()))?;
        let provider = &origin.provider;
        if let Some(stdin) = child.stdin.take() {
            let give = give(stdin, line, provider.clone());
            tasks.spawn(TaskKind::Helper, "host.provider.input", give);
        }
        if let Some(pipe) = child.stdout.take() {
            let log = output::log(pipe, Stream::Stdout, provider.clone());
            tasks.spawn(TaskKind::Helper, "host.provider.output", log);
        }
        if let Some(pipe) = child.stderr.take() {
            let log = output::log(pipe, Stream::Stderr, provider.clone());
            tasks.spawn(TaskKind::Helper, "host.provider.output", log);
        }
        Ok(Self {
            origin,
            talk,
            child,
            pid,
            keys,
            told: (*brief).clone(),
            first_brief: brief,
            uncertain: Vec::new(),
            is_listening: false,
            has_own_subject: false,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn receiver(&self) -> &EntityId {
        self.keys.receiver()
    }

    /// Waits until the process has ended. Cancel safe.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // Whatever it started and left behind.
        kill_group(self.pid);
        status
    }

    pub(super) fn terminate(&self) {
        terminate_group(self.pid);
    }

    pub(super) fn kill(&self) {
        kill_group(self.pid);
    }

    /// The process has answered. What it was told before may not have reached it, so that at the first answer it is taken
    /// to know no more than it was started with.
    pub(super) fn answered(&mut self) {
        if !self.is_listening {
            self.is_listening = true;
            self.told = (*self.first_brief).clone();
        }
    }

    /// Tells the process what is new in `brief`. What could not be sent is tried again the next time. Returns whether there
    /// is something to repeat.
    pub(super) async fn tell(&mut self, brief: &Brief) -> bool {
        let mut has_deleted = false;
        for change in changes(&self.told.links, &brief.links) {
            match change {
                Change::Delete(link) => {
                    let deleted = self.delete(&link.definition).await;
                    if deleted {
                        self.told.links.retain(|told| *told != link);
                    }
                    // On a subject of its own it hears things in their order.
                    if deleted && !self.has_own_subject {
                        self.doubt(&link.definition);
                        has_deleted = true;
                    }
                }
                Change::Put(link) => {
                    if self.put(&link).await {
                        self.told.links.push(link);
                    }
                }
            }
        }
        let is_config_new = brief.config != self.told.config;
        if is_config_new && self.talk.update_config(&brief.config).await.is_ok() {
            self.told.config.clone_from(&brief.config);
        }
        has_deleted
    }

    /// Somebody has told all processes of the provider that a link is gone: the host of another one, perhaps, of which it has
    /// other configs now. A process that is still to have it is told so again; one that has it ignores that. Returns whether
    /// there is something to repeat.
    pub(super) async fn restore(&mut self, deleted: &LinkDefinition, brief: &Brief) -> bool {
        let mut links = brief.links.iter();
        let Some(link) = links.find(|link| link.is_same_link(deleted)) else {
            return false;
        };
        self.doubt(deleted);
        self.put(link).await;
        true
    }

    /// Tells the process once more which of the links in doubt are there and which are not. `is_last` ends the doubt.
    pub(super) async fn repeat(&mut self, brief: &Brief, is_last: bool) {
        for doubted in &self.uncertain {
            let mut links = brief.links.iter();
            match links.find(|link| link.is_same_link(doubted)) {
                Some(link) => drop(self.put(link).await),
                None => drop(self.delete(doubted).await),
            }
        }
        if is_last {
            self.uncertain.clear();
        }
    }

    fn doubt(&mut self, link: &LinkDefinition) {
        if !self
            .uncertain
            .iter()
            .any(|known| are_same_link(known, link))
        {
            self.uncertain.push(link.clone());
        }
    }

    /// Tells the process that a link is gone. Returns whether that was sent.
    async fn delete(&self, definition: &LinkDefinition) -> bool {
        let own = self.has_own_subject.then(|| self.keys.receiver());
        self.talk.delete_link(own, definition).await.is_ok()
    }

    /// Tells the process of a link. Returns whether that was sent.
    async fn put(&self, link: &BriefedLink) -> bool {
        let definition = match self.origin.sealed(link, &self.keys) {
            Ok(definition) => definition,
            Err(error) => {
                tracing::error!({ field::PROVIDER_ID } = %self.origin.provider, { field::ERROR } = %error, "Cannot tell a provider of a link");
                return false;
            }
        };
        let receiver = self.keys.receiver();
        self.talk
            .put_link(receiver, &definition, link.has_secrets())
            .await
            .is_ok()
    }
}

/// Gives a process its host data, and nothing after that.
async fn give(mut stdin: ChildStdin, line: String, provider: ProviderId) {
    let given = time::timeout(HOST_DATA_TIMEOUT, async {
        stdin.write_all(line.as_bytes()).await?;
        stdin.shutdown().await
    });
    // One that has ended without reading it is told of as one that ended.
    if given.await.is_err() {
        tracing::warn!({ field::PROVIDER_ID } = %provider, "Provider does not read its host data");
    }
}

/// All of the environment of a process.
fn environment(options: &Options) -> Vec<(OsString, OsString)> {
    let level = ("RUST_LOG".into(), options.log_level.clone().into());
    let others = options.environment.iter();
    others
        .map(|(key, value)| (key.into(), value.into()))
        .chain([level])
        .collect()
}
