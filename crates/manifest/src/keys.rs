//! The words of a manifest (spec §9.2), each in one place; the schema is checked against them.

/// The only `apiVersion` of a manifest (spec §9.2).
pub const API_VERSION: &str = "core.oam.dev/v1beta1";
/// The only `kind` of a manifest (spec §9.2).
pub const KIND: &str = "Application";
/// What the key of an annotation begins with that records the digest of a component's image; its name follows.
pub const DIGEST_ANNOTATION_PREFIX: &str = "weft.digest/";
/// The type of the trait that limits what a component may use.
pub const LIMITS_TRAIT: &str = "weft.limits";
/// What the types of Weft's own traits begin with; others under it are errors.
pub const WEFT_TRAIT_PREFIX: &str = "weft.";

pub(crate) const MANIFEST: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
pub(crate) const METADATA: &[&str] = &["name", "annotations", "labels"];
pub(crate) const SPEC: &[&str] = &["components", "policies"];
pub(crate) const POLICY: &[&str] = &["name", "type", "properties"];
pub(crate) const COMPONENT: &[&str] = &["name", "type", "properties", "traits"];
pub(crate) const PROPERTIES: &[&str] = &["image", "application", "id", "config", "secrets"];
pub(crate) const SHARED: &[&str] = &["name", "component"];
pub(crate) const CONFIG: &[&str] = &["name", "properties"];
pub(crate) const SECRET: &[&str] = &["name", "properties"];
pub(crate) const SECRET_PROPERTIES: &[&str] = &["policy", "key", "field", "version"];
pub(crate) const TRAIT: &[&str] = &["type", "properties"];
pub(crate) const SCALER: &[&str] = &["instances", "replicas", "spread"];
pub(crate) const SPREAD: &[&str] = &["name", "weight", "requirements"];
pub(crate) const LINK: &[&str] = &[
    "name",
    "namespace",
    "package",
    "interfaces",
    "source",
    "target",
    "source_config",
    "target_config",
];
pub(crate) const LINK_SOURCE: &[&str] = &["config", "secrets"];
pub(crate) const LINK_TARGET: &[&str] = &["name", "config", "secrets"];
pub(crate) const LIMITS: &[&str] = &[
    "memory",
    "table-elements",
    "call-duration",
    "call-cpu",
    "response-body",
    "call-depth",
    "queue-length",
    "queue-duration",
];
