//! What `weft up` tells once it is ready.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use weft_node::run_file::RunFile;

use crate::ui::{render_elapsed, without_user};
use crate::view::{Block, SchemaVersion, View};

/// A `weft up` that is ready.
#[derive(Debug, Serialize)]
pub(super) struct UpView {
    schema_version: SchemaVersion,
    /// Its process.
    pid: u32,
    /// Its version.
    version: String,
    /// Where NATS of its lattice is.
    nats_url: String,
    /// Where it is for those who encrypt; `null` where the built-in server does not encrypt.
    nats_tls_url: Option<String>,
    /// Whether the built-in server asks everybody for credentials.
    auth_required: bool,
    /// Where the pages for those who watch the built-in server are; `null` where there are none.
    monitor_url: Option<String>,
    /// The name of its lattice.
    lattice: String,
    /// The id of its host; `null` without the role.
    host_id: Option<String>,
    /// The name of its host for people; `null` without the role.
    host_name: Option<String>,
    /// The shared HTTP address; `null` without a host.
    http: Option<String>,
    /// Its data directory.
    data_dir: PathBuf,
    /// Where it writes to; `null` when it runs in the foreground.
    log_file: Option<PathBuf>,
    /// How long it took to be ready.
    elapsed_ms: u64,
}

// ===== impl UpView =====

impl UpView {
    /// What `run` tells, after `elapsed_ms`.
    pub(super) fn new(
        run: RunFile,
        data_dir: PathBuf,
        log_file: Option<PathBuf>,
        elapsed_ms: u64,
    ) -> Self {
        Self {
            schema_version: SchemaVersion,
            pid: run.pid,
            version: run.version,
            nats_url: without_user(&run.nats_url),
            nats_tls_url: run.nats_tls_url,
            auth_required: run.is_auth_required,
            monitor_url: run.monitor.map(|address| format!("http://{address}")),
            lattice: run.lattice,
            host_id: run.host_id,
            host_name: run.host_name,
            http: run.http,
            data_dir,
            log_file,
            elapsed_ms,
        }
    }
}

impl View for UpView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let auth = if self.auth_required {
            ", with credentials"
        } else {
            ""
        };
        let mut lines = vec![format!(
            "lattice `{}` is ready after {elapsed}",
            self.lattice
        )];
        if let Some(url) = &self.nats_tls_url {
            lines.push(format!("  NATS at {url}, encrypted{auth}"));
            lines.push(format!(
                "  NATS at {}, on this machine alone{auth}",
                self.nats_url
            ));
        } else {
            lines.push(format!("  NATS at {}{auth}", self.nats_url));
        }
        if let Some(url) = &self.monitor_url {
            lines.push(format!("  pages for those who watch NATS at {url}"));
        }
        if let Some(id) = &self.host_id {
            let name = self.host_name.as_deref().unwrap_or_default();
            lines.push(format!("  host `{name}`, {id}"));
        }
        if let Some(http) = &self.http {
            lines.push(format!("  HTTP at http://{http}, shared by components"));
        }
        lines.push(format!("  data in {}", self.data_dir.display()));
        if let Some(log_file) = &self.log_file {
            lines.push(format!("  log in {}", log_file.display()));
            lines.push(format!("process {}; stop it with `weft down`", self.pid));
        }
        lines.into_iter().map(Block::Done).collect()
    }

    fn names(&self) -> Vec<String> {
        vec![self.pid.to_string()]
    }
}
