//! Names of the fields of log records, spans and metrics, so that all of Weft spells them alike.
//!
//! Used as `tracing::info!({ field::HOST_ID } = %host, "Host started")`.

/// The lattice.
pub const LATTICE: &str = "lattice";
/// The id of a host.
pub const HOST_ID: &str = "host.id";
/// The id of a component.
pub const COMPONENT_ID: &str = "component.id";
/// The id of one instance of a component.
pub const INSTANCE_ID: &str = "instance.id";
/// The id of a provider.
pub const PROVIDER_ID: &str = "provider.id";
/// The name of a link.
pub const LINK_NAME: &str = "link.name";
/// The name of a config.
pub const CONFIG_NAME: &str = "config.name";
/// The name of an application.
pub const APP_NAME: &str = "app.name";
/// The number of a revision of an application.
pub const APP_GENERATION: &str = "app.generation";
/// The id of a plan.
pub const PLAN_ID: &str = "plan.id";
/// The digest of an artifact.
pub const ARTIFACT_DIGEST: &str = "artifact.digest";
/// A NATS subject.
pub const SUBJECT: &str = "subject";
/// The name of a bucket.
pub const BUCKET: &str = "bucket";
/// The key of an entry of a bucket.
pub const KEY: &str = "key";
/// The revision of a bucket or entry.
pub const REVISION: &str = "revision";
/// Which attempt it is, from one.
pub const ATTEMPT: &str = "attempt";
/// How long something took, in milliseconds.
pub const ELAPSED_MS: &str = "elapsed_ms";
/// The name of a task.
pub const TASK: &str = "task";
/// An error with the chain of its causes.
pub const ERROR: &str = "error";
/// The code of an error.
pub const ERROR_CODE: &str = "error.code";
