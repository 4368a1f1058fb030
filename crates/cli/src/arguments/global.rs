//! Options that every command has.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::protocol::subject::SubjectPrefix;
use weft_model::id::LatticeName;

use super::{GLOBAL_HEADING, parse_duration, parse_token};
use crate::console::{Format, Verbosity};

/// Options that every command has.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// How to print data: `table`, `wide`, `json`, `yaml`, or `name` for names alone
    #[arg(
        long, short, global = true, env = "WEFT_OUTPUT", value_name = "FORMAT", value_enum,
        default_value_t, hide_possible_values = true, hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) output: Format,

    /// NATS servers of the lattice, with commas [default: that of `weft up` here, or 127.0.0.1:4222]
    #[arg(
        long, global = true, env = "WEFT_NATS_URL", value_name = "URL", value_delimiter = ',',
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_url: Vec<String>,

    /// The lattice [default: that of `weft up` here, or `default`]
    #[arg(
        long, short = 'x', global = true, env = "WEFT_LATTICE", value_name = "NAME",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) lattice: Option<LatticeName>,

    /// File with NATS credentials: a user JWT and its seed
    #[arg(
        long, global = true, env = "WEFT_CREDS", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) creds: Option<PathBuf>,

    /// User of the NATS servers, with `--nats-password-file`
    #[arg(
        long, global = true, env = "WEFT_NATS_USER", value_name = "USER",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_user: Option<String>,

    /// File with the password of `--nats-user`; `-` asks or reads standard input
    #[arg(
        long, global = true, env = "WEFT_NATS_PASSWORD_FILE", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_password_file: Option<PathBuf>,

    /// File with a token for the NATS servers; `-` asks or reads standard input
    #[arg(
        long, global = true, env = "WEFT_NATS_TOKEN_FILE", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_token_file: Option<PathBuf>,

    /// File with the seed of an nkey; `-` asks or reads standard input
    #[arg(
        long, global = true, env = "WEFT_NATS_NKEY_FILE", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_nkey_file: Option<PathBuf>,

    /// File with the JWT of a NATS user, whose key `--nats-nkey-file` has; `-` asks or reads standard input
    #[arg(
        long, global = true, env = "WEFT_NATS_JWT_FILE", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_jwt_file: Option<PathBuf>,

    /// Certificates to trust of NATS servers, in PEM [default: those of the system]
    #[arg(
        long, global = true, env = "WEFT_TLS_CA", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) tls_ca: Option<PathBuf>,

    /// Certificate to show to NATS servers, in PEM, with `--nats-tls-key`
    #[arg(
        long, global = true, env = "WEFT_NATS_TLS_CERT", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_tls_cert: Option<PathBuf>,

    /// Key of `--nats-tls-cert`, in PEM
    #[arg(
        long, global = true, env = "WEFT_NATS_TLS_KEY", value_name = "FILE",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_tls_key: Option<PathBuf>,

    /// Encrypt connections to NATS servers from the first byte on
    #[arg(
        long, global = true, env = "WEFT_NATS_TLS_FIRST", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) nats_tls_first: bool,

    /// JetStream domain in which the state of the lattice is kept [default: that of the servers]
    #[arg(
        long, global = true, env = "WEFT_JS_DOMAIN", value_name = "NAME", value_parser = parse_token,
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) js_domain: Option<String>,

    /// Beginning of the subjects on which hosts are asked [default: `wasmbus.ctl`]
    #[arg(
        long, global = true, env = "WEFT_CTL_TOPIC_PREFIX", value_name = "SUBJECT",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) ctl_topic_prefix: Option<SubjectPrefix>,

    /// Data directory of `weft up` [default: `weft` in the data directory of the user]
    #[arg(
        long, global = true, env = "WEFT_DATA_DIR", value_name = "DIR",
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) data_dir: Option<PathBuf>,

    /// How long to wait for the outcome, or else for an answer: `500ms`, `30s`, `5m`
    #[arg(
        long, global = true, env = "WEFT_TIMEOUT", value_name = "DURATION",
        value_parser = parse_duration, hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) timeout: Option<Duration>,

    /// Print failures alone, beside data
    #[arg(
        long, short, global = true, env = "WEFT_QUIET", value_parser = BoolishValueParser::new(),
        hide_env_values = true, conflicts_with = "verbose", help_heading = GLOBAL_HEADING
    )]
    pub(crate) quiet: bool,

    /// Tell also how it is done
    #[arg(
        long, short, global = true, env = "WEFT_VERBOSE", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) verbose: bool,

    /// Print without colours, as `NO_COLOR` does
    #[arg(
        long, global = true, env = "WEFT_NO_COLOR", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = GLOBAL_HEADING
    )]
    pub(crate) no_color: bool,
}

// ===== impl GlobalArgs =====

impl GlobalArgs {
    /// How much is said beside data.
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }
}
