//! Options of the connection for calls, where it is not that of control.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::error::Misfit;
use super::options::Calls;
use crate::context::{AccessArgs, Context, NatsAccess, NatsCredentials};

/// The heading of these options.
const HEADING: &str = "Calls between hosts, where they go by other NATS servers than control";

/// Options of the connection for calls.
#[derive(Args, Debug)]
pub(super) struct RpcArgs {
    /// NATS servers for calls between hosts and with providers, with commas [default: those of `--nats-url`]
    #[arg(
        long, env = "WEFT_RPC_NATS_URL", value_name = "URL", value_delimiter = ',',
        hide_env_values = true, help_heading = HEADING
    )]
    rpc_nats_url: Vec<String>,

    /// File with NATS credentials for them: a user JWT and its seed [default: as for control]
    #[arg(
        long, env = "WEFT_RPC_CREDS", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_creds: Option<PathBuf>,

    /// User of them, with `--rpc-nats-password-file`
    #[arg(
        long, env = "WEFT_RPC_NATS_USER", value_name = "USER", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_user: Option<String>,

    /// File with the password of `--rpc-nats-user`
    #[arg(
        long, env = "WEFT_RPC_NATS_PASSWORD_FILE", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_password_file: Option<PathBuf>,

    /// File with a token for them
    #[arg(
        long, env = "WEFT_RPC_NATS_TOKEN_FILE", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_token_file: Option<PathBuf>,

    /// File with the seed of an nkey for them
    #[arg(
        long, env = "WEFT_RPC_NATS_NKEY_FILE", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_nkey_file: Option<PathBuf>,

    /// File with the JWT of a NATS user, whose key `--rpc-nats-nkey-file` has
    #[arg(
        long, env = "WEFT_RPC_NATS_JWT_FILE", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_jwt_file: Option<PathBuf>,

    /// Certificates to trust of them, in PEM [default: as for control]
    #[arg(
        long, env = "WEFT_RPC_TLS_CA", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_tls_ca: Option<PathBuf>,

    /// Certificate to show to them, in PEM, with `--rpc-nats-tls-key`
    #[arg(
        long, env = "WEFT_RPC_NATS_TLS_CERT", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_tls_cert: Option<PathBuf>,

    /// Key of `--rpc-nats-tls-cert`, in PEM
    #[arg(
        long, env = "WEFT_RPC_NATS_TLS_KEY", value_name = "FILE", hide_env_values = true,
        help_heading = HEADING
    )]
    rpc_nats_tls_key: Option<PathBuf>,

    /// Encrypt connections to them from the first byte on
    #[arg(
        long, env = "WEFT_RPC_NATS_TLS_FIRST", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = HEADING
    )]
    rpc_nats_tls_first: bool,
}

// ===== impl RpcArgs =====

impl RpcArgs {
    /// The options that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> + use<> {
        let url = (!self.rpc_nats_url.is_empty()).then_some("--rpc-nats-url");
        url.into_iter().chain(self.access().given())
    }

    /// Where calls go, if that is not where control does. What is not said of them is that of `control`.
    pub(super) fn resolve(
        &self,
        control: (&[String], &NatsAccess),
        context: &Context,
        misfits: &mut Vec<Misfit>,
    ) -> Option<Calls> {
        let inherited = context.inherited.rpc.as_ref();
        if self.given().next().is_none() && inherited.is_none() {
            return None;
        }
        let own = self.access();
        let mut access = own.resolve(&context.directory).unwrap_or_else(|error| {
            misfits.push(Misfit::Access(error));
            NatsAccess::default()
        });
        let (control_urls, control_access) = control;
        let has_given = own.given().next().is_some();
        if !has_given {
            access = control_access.clone();
        } else if self.rpc_tls_ca.is_none() {
            access.tls.ca_file.clone_from(&control_access.tls.ca_file);
        }
        let urls = match inherited {
            _ if !self.rpc_nats_url.is_empty() => self.rpc_nats_url.clone(),
            Some(server) => vec![server.url.clone()],
            None => control_urls.to_vec(),
        };
        // Variables of a 1.9 host that are about control as well count for both.
        if let (Some(server), false) = (inherited, has_given)
            && server.credentials != NatsCredentials::None
        {
            access.credentials = server.credentials.clone();
        }
        Some(Calls { urls, access })
    }

    fn access(&self) -> AccessArgs<'_> {
        AccessArgs {
            creds: ("--rpc-creds", self.rpc_creds.as_deref()),
            user: ("--rpc-nats-user", self.rpc_nats_user.as_deref()),
            password: (
                "--rpc-nats-password-file",
                self.rpc_nats_password_file.as_deref(),
            ),
            token: ("--rpc-nats-token-file", self.rpc_nats_token_file.as_deref()),
            nkey: ("--rpc-nats-nkey-file", self.rpc_nats_nkey_file.as_deref()),
            jwt: ("--rpc-nats-jwt-file", self.rpc_nats_jwt_file.as_deref()),
            ca: ("--rpc-tls-ca", self.rpc_tls_ca.as_deref()),
            cert: ("--rpc-nats-tls-cert", self.rpc_nats_tls_cert.as_deref()),
            key: ("--rpc-nats-tls-key", self.rpc_nats_tls_key.as_deref()),
            first: ("--rpc-nats-tls-first", self.rpc_nats_tls_first),
        }
    }
}
