//! Keys and values of annotations: what marks running things as somebody's, and what they were started with.
//!
//! Components and providers carry the annotations of the command that started them (spec §9.8, architecture D2);
//! manifests have annotations of their own (spec §9.2). No other file has a second copy of one of these.

/// Who manages the annotated thing.
pub const MANAGED_BY: &str = "wasmcloud.dev/managed-by";
/// The value of [`MANAGED_BY`] on what Weft manages.
pub const MANAGED_BY_WEFT: &str = "weft";
/// The value of [`MANAGED_BY`] on what a wadm manages.
pub const MANAGED_BY_WADM: &str = "wadm";
/// The application that asked for the annotated thing.
pub const APPLICATION: &str = "wasmcloud.dev/appspec";
/// The scaler that started the annotated thing.
pub const SCALER: &str = "wasmcloud.dev/scaler";
/// The groups of the spread that the annotated thing counts for, with commas. For people; nothing is decided by it.
pub const SPREAD_NAME: &str = "wasmcloud.dev/spread_name";
/// The names of the configs that it was started with, with spaces; absent when there are none.
pub const CONFIG: &str = "weft.config";
/// The digest that its artifact has to have; absent when none is recorded.
pub const DIGEST: &str = "weft.digest";
/// The limits that it asks for; absent when there are none.
pub const LIMITS: &str = "weft.limits";

/// In inventories: what the process of a provider is doing, in one word; absent where it has none of its own.
pub const STATE: &str = "weft.state";
/// In inventories: how often the process of a provider was started again.
pub const RESTARTS: &str = "weft.restarts";
/// In inventories: how the last process of a provider ended; absent while none has.
pub const LAST_EXIT: &str = "weft.last-exit";
/// In inventories: the number of the process of a provider; absent while there is none.
pub const PROCESS_ID: &str = "weft.pid";

/// In a manifest: the version of the application.
pub const VERSION: &str = "version";
/// In a manifest: a sentence about the application.
pub const DESCRIPTION: &str = "description";
/// In a manifest: the manager whose components and providers, started for an application of this name, are taken over.
pub const ADOPT: &str = "weft.adopt";
/// In a manifest: whether other applications may refer to components of this one.
pub const SHARED: &str = "experimental.wasmcloud.dev/shared";
