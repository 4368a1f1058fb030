//! Settings of the host's provider processes, from those of the node.

use std::fs;

use weft_host::provider;
use weft_lattice::Credentials;

use super::broker::Access;
use crate::options::{Broker, Options};

/// What stands around the JWT and the seed in a file of credentials.
const JWT_LABEL: &str = "NATS USER JWT";
const SEED_LABEL: &str = "USER NKEY SEED";

/// Settings of provider processes that connect to `rpc_url` as this node does for calls.
pub(super) fn provider_options(
    options: &Options,
    rpc_url: &str,
    access: Option<&Access>,
) -> provider::Options {
    let mut providers = provider::Options::new(rpc_url.to_owned());
    providers.rpc_timeout = options.rpc_timeout;
    let settings = &options.providers;
    providers.processes_max = settings.processes_max;
    providers.drain_timeout = settings.drain_timeout;
    providers.log_level.clone_from(&settings.log_level);
    providers.logs_json = settings.logs_json;
    providers.environment.clone_from(&settings.environment);
    providers.policy = settings.policy.clone();
    providers.user = access.map(|access| provider::User {
        jwt: access.providers.jwt().to_owned(),
        seed: access.providers.seed().to_owned(),
    });
    if let Broker::Remote { control, rpc, .. } = &options.broker {
        let credentials = &rpc.as_ref().unwrap_or(control).credentials;
        providers.user = user(credentials);
        if providers.user.is_none() && !matches!(credentials, Credentials::Anonymous) {
            tracing::warn!(
                "Providers connect to NATS without credentials: only a user JWT with its seed can be passed on"
            );
        }
    }
    providers
}

fn user(credentials: &Credentials) -> Option<provider::User> {
    match credentials {
        // The node itself has connected with it already.
        Credentials::File(path) => parse_credentials(&fs::read_to_string(path).ok()?),
        Credentials::Jwt { jwt, seed } => Some(provider::User {
            jwt: jwt.clone(),
            seed: seed.reveal().to_owned(),
        }),
        _ => None,
    }
}

/// The user in the text of a file of credentials.
fn parse_credentials(text: &str) -> Option<provider::User> {
    let section = |label: &str| {
        let begin = format!("BEGIN {label}");
        let mut lines = text.lines().skip_while(|line| !line.contains(&begin));
        lines.next()?;
        let value = lines.map(str::trim).find(|line| !line.is_empty())?;
        (!value.starts_with('-')).then(|| value.to_owned())
    };
    Some(provider::User {
        jwt: section(JWT_LABEL)?,
        seed: section(SEED_LABEL)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_have_a_token_and_a_seed() {
        let text = "-----BEGIN NATS USER JWT-----\neyJ.a.b\n------END NATS USER JWT------\n\n\
            ************************* IMPORTANT *************************\n\
            -----BEGIN USER NKEY SEED-----\nSUAABC\n------END USER NKEY SEED------\n";
        let user = parse_credentials(text).unwrap();
        assert_eq!(
            (user.jwt.as_str(), user.seed.as_str()),
            ("eyJ.a.b", "SUAABC")
        );
        assert!(parse_credentials(&text.replace("SUAABC\n", "")).is_none());
        assert!(parse_credentials("").is_none());
        assert!(!format!("{user:?}").contains("SUAABC"));
    }
}
