//! Every string of the dialect that has to be spelled the same on both ends.
//!
//! No other file of Weft has a second copy of one of these.

/// Keys and values of annotations (spec §9.8, architecture D2).
pub use weft_model::annotation;

/// First tokens of control subjects, unless settings say otherwise (spec §1).
pub const CONTROL_PREFIX: &str = "wasmbus.ctl";
/// The version token that follows the prefix of control subjects.
pub const CONTROL_VERSION: &str = "v1";
/// First tokens of event subjects (spec §2).
pub const EVENT_PREFIX: &str = "wasmbus.evt";
/// What stands before the name of an event in its `type` attribute (spec §2).
pub const EVENT_TYPE_PREFIX: &str = "com.wasmcloud.lattice.";
/// What stands before the name of an event that 1.9 does not have in its `type` attribute.
pub const WEFT_EVENT_TYPE_PREFIX: &str = "dev.weft.";
/// The version of CloudEvents that events follow.
pub const CLOUDEVENTS_VERSION: &str = "1.0";
/// The content type of the data of events.
pub const JSON_CONTENT_TYPE: &str = "application/json";
/// The content type of manifests in YAML (spec §9.1).
pub const YAML_CONTENT_TYPE: &str = "application/yaml";
/// First tokens of subjects between hosts and providers (spec §5.5).
pub const PROVIDER_PREFIX: &str = "wasmbus.rpc";
/// First tokens of the application API, unless settings say otherwise (spec §9.1).
pub const APPLICATION_PREFIX: &str = "wadm.api";
/// The token between lattice and operation in subjects of the application API.
pub const APPLICATION_NOUN: &str = "model";
/// The queue group of those who serve the application API.
pub const APPLICATION_QUEUE: &str = "wadm_server";
/// The version text that means the newest stored version of an application.
pub const VERSION_LATEST: &str = "latest";
/// First tokens of subjects on which the status of applications is published (spec §9.1).
pub const STATUS_PREFIX: &str = "wadm.status";

/// First tokens of the subject of the config service; the name of the lattice and [`CONFIG_SERVICE_VERB`] follow (spec §1.5).
pub const CONFIG_SERVICE_PREFIX: &str = "wasmbus.cfg";
/// The last token of the subject of the config service.
pub const CONFIG_SERVICE_VERB: &str = "req";

/// What a provider answers to a shutdown request (spec §5.7).
pub const SHUTDOWN_REPLY: &str = "shutting down";

/// Names and keys of the buckets of a lattice (spec §3).
pub mod bucket {
    /// Bucket of component records and claims; the name of the lattice follows.
    pub const LATTICE_DATA_PREFIX: &str = "LATTICEDATA_";
    /// Bucket of configs; the name of the lattice follows.
    pub const CONFIG_DATA_PREFIX: &str = "CONFIGDATA_";
    /// Bucket of what the managers of a lattice share; the name of the lattice follows.
    pub const MANAGER_PREFIX: &str = "WEFT_MANAGER_";
    /// Bucket of the revisions of applications; the name of the lattice follows.
    pub const APPLICATION_PREFIX: &str = "WEFT_APPLICATIONS_";
    /// Key of the lease in the bucket of managers.
    pub const LEASE: &str = "lease";
    /// What stands before the `_` in keys of component records.
    pub const COMPONENT: &str = "COMPONENT";
    /// What stands before the `_` in keys of claims.
    pub const CLAIMS: &str = "CLAIMS";
    /// How the name of a config begins that holds a secret reference (spec §8.4).
    pub const SECRET_PREFIX: &str = "SECRET";
}

/// Labels that every host has.
pub mod label {
    /// What reserved labels begin with, compared without regard to case (spec §1.3).
    pub const RESERVED_PREFIX: &str = "hostcore.";
    /// The architecture of the host's processor.
    pub const ARCH: &str = "hostcore.arch";
    /// The operating system.
    pub const OS: &str = "hostcore.os";
    /// The family of the operating system.
    pub const OS_FAMILY: &str = "hostcore.osfamily";
}

/// Keys of the map of limits of a component (spec §1.3; the `weft.` ones are ours).
///
/// All values are decimal numbers in text.
pub mod limit {
    /// Bytes of linear memory.
    pub const MEMORY_BYTES: &str = "max_memory_limit";
    /// Whole seconds that a call may take: the unit is that of the 1.9 host, which stores and reports this limit but
    /// does not enforce it (spec §14).
    pub const CALL_SECONDS: &str = "max_execution_time";
    /// Milliseconds that a call may take; written beside [`CALL_SECONDS`] when the limit is not whole seconds, and
    /// read in preference to it.
    pub const CALL_MS: &str = "weft.call_ms";
    /// Elements of tables.
    pub const TABLE_ELEMENTS: &str = "weft.table_elements";
    /// Milliseconds that a call may run guest code.
    pub const CALL_CPU_MS: &str = "weft.call_cpu_ms";
    /// Bytes of the body of one answer to an HTTP request.
    pub const RESPONSE_BODY_BYTES: &str = "weft.response_body";
    /// How deep a chain of calls may be.
    pub const CALL_DEPTH: &str = "weft.call_depth";
    /// How many calls may wait.
    pub const QUEUE_LENGTH: &str = "weft.queue_length";
    /// Milliseconds that a call may wait.
    pub const QUEUE_MS: &str = "weft.queue_ms";
}

/// Kinds of parts in the status of an application (spec §9.1).
pub mod scaler {
    /// A component or provider whose number is shared among hosts.
    pub const SPREAD: &str = "SpreadScaler";
    /// A component or provider that runs on each host.
    pub const DAEMON: &str = "DaemonScaler";
    /// A link.
    pub const LINK: &str = "LinkScaler";
    /// A config.
    pub const CONFIG: &str = "ConfigScaler";
}

/// Names of NATS headers.
pub mod header {
    /// The lease under which a manager sends a mutation; see [`Lease`](crate::control::Lease).
    pub const LEASE: &str = "Weft-Lease";
    /// The content type of a manifest.
    pub const CONTENT_TYPE: &str = "Content-Type";
    /// On a `put`: `true` asks that what is merely odd about a manifest be an error.
    pub const STRICT: &str = "Weft-Strict";
    /// On every reply of the application API that a manager of Weft gives: its id. Replies of others have none.
    pub const MANAGER: &str = "Weft-Manager";
}

/// Texts of replies to control requests, as the 1.9 host gives them (spec §1.3).
pub mod text {
    /// `config.put` was done.
    pub const CONFIG_PUT: &str = "successfully put config";
    /// `config.del` was done.
    pub const CONFIG_DELETED: &str = "successfully deleted config";
    /// `config.get` found nothing; the reply is a success all the same.
    pub const CONFIG_NOT_FOUND: &str = "Configuration not found";
    /// The body of `config.put` was not a map of strings.
    pub const CONFIG_MALFORMED: &str = "config data should be a map of string -> string";
    /// `label.put` was done.
    pub const LABEL_PUT: &str = "successfully put label";
    /// `label.del` was done.
    pub const LABEL_DELETED: &str = "successfully deleted label";
    /// `label.del` found nothing.
    pub const LABEL_NOT_FOUND: &str = "successfully deleted label (no such label)";
    /// The label is reserved.
    pub const LABEL_RESERVED: &str = "hostcore.* labels cannot be set dynamically";
    /// `link.put` was done.
    pub const LINK_PUT: &str = "successfully set link";
    /// `link.del` was done.
    pub const LINK_DELETED: &str = "successfully deleted link";
    /// `link.del` found no record.
    pub const LINK_NOT_FOUND: &str = "successfully deleted link (spec doesn't exist)";
    /// `provider.start` was accepted.
    pub const PROVIDER_STARTED: &str = "successfully started provider";
    /// `provider.start` named an id that runs already.
    pub const PROVIDER_RUNNING: &str = "provider with that ID is already running";
    /// `provider.stop` was done.
    pub const PROVIDER_STOPPED: &str = "successfully stopped provider";
    /// `provider.stop` named an id that does not run.
    pub const PROVIDER_NOT_RUNNING: &str = "provider with that ID is not running";
    /// `host.stop` was accepted.
    pub const HOST_STOPPED: &str = "successfully handled stop host";
    /// `registry.put` was done.
    pub const REGISTRY_PUT: &str = "successfully put registries";
    /// The subject names no operation.
    pub const UNSUPPORTED_SUBJECT: &str = "unsupported subject";
}
