//! Options about registries.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// The heading of options about registries.
const HEADING: &str = "Registry options";

/// Options about registries, the same for hosts and for commands that pull and push.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RegistryArgs {
    /// Registries that are spoken to over plain HTTP, with commas; all others over TLS
    #[arg(
        long, env = "WEFT_ALLOWED_INSECURE", value_name = "REGISTRY", value_delimiter = ',',
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) allowed_insecure: Vec<String>,

    /// Certificates of private authorities of registries, in PEM, beside those of the system; with commas
    #[arg(
        long, env = "WEFT_TLS_CA_PATH", value_name = "FILE", value_delimiter = ',',
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) tls_ca_path: Vec<PathBuf>,

    /// Allow `latest`, and references without a tag, which mean the same
    #[arg(
        long, env = "WEFT_ALLOW_LATEST", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) allow_latest: bool,

    /// Docker's config file, with credentials and the helpers that have them [default: that of the user]
    #[arg(
        long, env = "WEFT_DOCKER_CONFIG", value_name = "FILE",
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) docker_config: Option<PathBuf>,

    /// Directory of the cache, which processes may share [default: `artifacts` in the data directory]
    #[arg(
        long, env = "WEFT_ARTIFACTS_DIR", value_name = "DIR",
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) artifacts_dir: Option<PathBuf>,
}

/// Who somebody is to the one registry of a command.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LoginArgs {
    /// Speak to this registry over plain HTTP
    #[arg(
        long, env = "WEFT_INSECURE", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) insecure: bool,

    /// User at the registry, with `--password-file` [default: what Docker's config file says]
    #[arg(
        long, short, env = "WEFT_USER", value_name = "USER",
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) user: Option<String>,

    /// File with the password of `--user`; `-` asks or reads standard input
    #[arg(
        long, env = "WEFT_PASSWORD_FILE", value_name = "FILE", requires = "user",
        hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) password_file: Option<PathBuf>,

    /// Password of `--user`; on a command line everybody on the machine sees it
    #[arg(
        long, short, env = "WEFT_PASSWORD", value_name = "PASSWORD", requires = "user",
        conflicts_with = "password_file", hide_env_values = true, help_heading = HEADING
    )]
    pub(crate) password: Option<String>,
}
