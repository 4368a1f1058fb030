//! The variables of wasmCloud 1.9 hosts (spec §10), all of them: the only place where they are spelled.

/// How all of them begin.
pub(crate) const PREFIX: &str = "WASMCLOUD_";
/// How those begin whose rest is the key of a label.
pub(crate) const LABEL_PREFIX: &str = "WASMCLOUD_LABEL_";

pub(crate) const NATS_HOST: &str = "WASMCLOUD_NATS_HOST";
pub(crate) const NATS_PORT: &str = "WASMCLOUD_NATS_PORT";
pub(crate) const NATS_JWT: &str = "WASMCLOUD_NATS_JWT";
pub(crate) const NATS_SEED: &str = "WASMCLOUD_NATS_SEED";
pub(crate) const NATS_CREDS: &str = "WASMCLOUD_NATS_CREDS";
pub(crate) const CTL_HOST: &str = "WASMCLOUD_CTL_HOST";
pub(crate) const CTL_PORT: &str = "WASMCLOUD_CTL_PORT";
pub(crate) const CTL_JWT: &str = "WASMCLOUD_CTL_JWT";
pub(crate) const CTL_SEED: &str = "WASMCLOUD_CTL_SEED";
pub(crate) const CTL_CREDS: &str = "WASMCLOUD_CTL_CREDS";
pub(crate) const CTL_TLS: &str = "WASMCLOUD_CTL_TLS";
pub(crate) const CTL_TOPIC_PREFIX: &str = "WASMCLOUD_CTL_TOPIC_PREFIX";
pub(crate) const RPC_HOST: &str = "WASMCLOUD_RPC_HOST";
pub(crate) const RPC_PORT: &str = "WASMCLOUD_RPC_PORT";
pub(crate) const RPC_JWT: &str = "WASMCLOUD_RPC_JWT";
pub(crate) const RPC_SEED: &str = "WASMCLOUD_RPC_SEED";
pub(crate) const RPC_CREDS: &str = "WASMCLOUD_RPC_CREDS";
pub(crate) const RPC_TLS: &str = "WASMCLOUD_RPC_TLS";
pub(crate) const RPC_TIMEOUT: &str = "WASMCLOUD_RPC_TIMEOUT_MS";
pub(crate) const LATTICE: &str = "WASMCLOUD_LATTICE";
pub(crate) const JS_DOMAIN: &str = "WASMCLOUD_JS_DOMAIN";
pub(crate) const HOST_SEED: &str = "WASMCLOUD_HOST_SEED";
pub(crate) const HEARTBEAT_INTERVAL: &str = "WASMCLOUD_HEARTBEAT_INTERVAL";
pub(crate) const COMPONENT_AUCTION: &str = "WASMCLOUD_COMPONENT_AUCTION_ENABLED";
pub(crate) const PROVIDER_AUCTION: &str = "WASMCLOUD_PROVIDER_AUCTION_ENABLED";
pub(crate) const PROVIDER_SHUTDOWN_DELAY: &str = "WASMCLOUD_PROV_SHUTDOWN_DELAY_MS";
pub(crate) const ALLOW_FILE_LOAD: &str = "WASMCLOUD_ALLOW_FILE_LOAD";
pub(crate) const MAX_EXECUTION_TIME: &str = "WASMCLOUD_MAX_EXECUTION_TIME_MS";
pub(crate) const MAX_LINEAR_MEMORY: &str = "WASMCLOUD_MAX_LINEAR_MEMORY";
pub(crate) const MAX_COMPONENT_SIZE: &str = "WASMCLOUD_MAX_COMPONENT_SIZE";
pub(crate) const MAX_COMPONENTS: &str = "WASMCLOUD_MAX_COMPONENTS";
pub(crate) const MAX_CORE_INSTANCES: &str = "WASMCLOUD_MAX_CORE_INSTANCES_PER_COMPONENT";
pub(crate) const HTTP_ADMIN: &str = "WASMCLOUD_HTTP_ADMIN";
pub(crate) const LOG_LEVEL: &str = "WASMCLOUD_LOG_LEVEL";
pub(crate) const STRUCTURED_LOGGING: &str = "WASMCLOUD_STRUCTURED_LOGGING_ENABLED";
pub(crate) const OCI_ALLOW_LATEST: &str = "WASMCLOUD_OCI_ALLOW_LATEST";
pub(crate) const OCI_ALLOWED_INSECURE: &str = "WASMCLOUD_OCI_ALLOWED_INSECURE";
pub(crate) const OCI_REGISTRY: &str = "WASMCLOUD_OCI_REGISTRY";
pub(crate) const OCI_USER: &str = "WASMCLOUD_OCI_REGISTRY_USER";
pub(crate) const OCI_PASSWORD: &str = "WASMCLOUD_OCI_REGISTRY_PASSWORD";
pub(crate) const TLS_CA_PATH: &str = "WASMCLOUD_TLS_CA_PATH";
pub(crate) const CONFIG_SERVICE: &str = "WASMCLOUD_CONFIG_SERVICE";
pub(crate) const POLICY_TOPIC: &str = "WASMCLOUD_POLICY_TOPIC";

/// Each with the option of `weft up` that means the same.
pub(crate) const SERVED: [(&str, &str); 42] = [
    (NATS_HOST, "--nats-url"),
    (NATS_PORT, "--nats-url"),
    (NATS_JWT, "--nats-jwt-file"),
    (NATS_SEED, "--nats-nkey-file"),
    (NATS_CREDS, "--creds"),
    (CTL_HOST, "--nats-url"),
    (CTL_PORT, "--nats-url"),
    (CTL_JWT, "--nats-jwt-file"),
    (CTL_SEED, "--nats-nkey-file"),
    (CTL_CREDS, "--creds"),
    (CTL_TLS, "--nats-url tls://…"),
    (CTL_TOPIC_PREFIX, "--ctl-topic-prefix"),
    (RPC_HOST, "--rpc-nats-url"),
    (RPC_PORT, "--rpc-nats-url"),
    (RPC_JWT, "--rpc-nats-jwt-file"),
    (RPC_SEED, "--rpc-nats-nkey-file"),
    (RPC_CREDS, "--rpc-creds"),
    (RPC_TLS, "--rpc-nats-url tls://…"),
    (RPC_TIMEOUT, "--rpc-timeout"),
    (LATTICE, "--lattice"),
    (JS_DOMAIN, "--js-domain"),
    (HOST_SEED, "--host-seed-file"),
    (HEARTBEAT_INTERVAL, "--heartbeat-interval"),
    (COMPONENT_AUCTION, "--component-auction"),
    (PROVIDER_AUCTION, "--provider-auction"),
    (PROVIDER_SHUTDOWN_DELAY, "--provider-drain-timeout"),
    (ALLOW_FILE_LOAD, "--allow-file-load"),
    (MAX_EXECUTION_TIME, "--max-execution-time"),
    (MAX_LINEAR_MEMORY, "--max-linear-memory"),
    (MAX_COMPONENT_SIZE, "--max-component-size"),
    (MAX_COMPONENTS, "--max-components"),
    (MAX_CORE_INSTANCES, "--max-core-instances"),
    (OCI_ALLOW_LATEST, "--allow-latest"),
    (OCI_ALLOWED_INSECURE, "--allowed-insecure"),
    (OCI_REGISTRY, "--oci-registry"),
    (OCI_USER, "--oci-user"),
    (OCI_PASSWORD, "--oci-password"),
    (TLS_CA_PATH, "--tls-ca-path"),
    (CONFIG_SERVICE, "--config-service"),
    (HTTP_ADMIN, "--http-admin"),
    (LOG_LEVEL, "--log-level"),
    (STRUCTURED_LOGGING, "--log-format json"),
];

/// Those that are told to have no effect, and what is so instead.
pub(crate) const UNSERVED: [(&str, &str); 12] = [
    (
        "WASMCLOUD_POLICY_CHANGES_TOPIC",
        "there is no policy service",
    ),
    ("WASMCLOUD_POLICY_TIMEOUT", "there is no policy service"),
    (
        "WASMCLOUD_SECRETS_TOPIC",
        "there is no secrets backend, and what asks for secrets does not start",
    ),
    ("WASMCLOUD_TRACE_LEVEL", "no traces are sent"),
    ("WASMCLOUD_OBSERVABILITY_ENABLED", "no telemetry is sent"),
    ("WASMCLOUD_TRACES_ENABLED", "no traces are sent"),
    ("WASMCLOUD_METRICS_ENABLED", "no metrics are sent"),
    ("WASMCLOUD_LOGS_ENABLED", "logs go to standard error alone"),
    ("WASMCLOUD_OBSERVABILITY_PROTOCOL", "no telemetry is sent"),
    ("WASMCLOUD_FLAME_GRAPH", "there are no flame graphs"),
    (
        "WASMCLOUD_EXPERIMENTAL_FEATURES",
        "what this host has is there without being asked for",
    ),
    (
        "WASMCLOUD_WORKLOAD_IDENTITY_AUTH_SERVICE_AUDIENCE",
        "NATS is told no workload identity",
    ),
];
