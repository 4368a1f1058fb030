//! Signing: whose key, for which subject, for how long.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use clap::builder::BoolishValueParser;
use nkeys::KeyPair;
use weft_artifact::claims::Times;

use super::{Key, KeyError, Keyring, Kind, kind_of_public};
use crate::arguments::parse_lifetime;
use crate::context::Context;
use crate::failure::Failure;

/// The heading of options about signing.
const HEADING: &str = "Signing options";
/// The key that signs unless the arguments say otherwise.
const ISSUER: &str = "account";

/// Options about signing.
#[derive(Args, Clone, Debug)]
pub(crate) struct SigningArgs {
    /// Account key that signs: a name of `weft keys list`, or a file [default: `account`, made if it is not there]
    #[arg(
        long, env = "WEFT_ISSUER", value_name = "KEY",
        hide_env_values = true, help_heading = HEADING
    )]
    issuer: Option<String>,

    /// Key that the claims are about: a name, a file or a public key [default: one named after the file, made if it is not there]
    #[arg(
        long, env = "WEFT_SUBJECT", value_name = "KEY",
        hide_env_values = true, help_heading = HEADING
    )]
    subject: Option<String>,

    /// Directory of keys [default: `keys` in the data directory]
    #[arg(
        long, env = "WEFT_KEYS_DIR", value_name = "DIR",
        hide_env_values = true, help_heading = HEADING
    )]
    keys_dir: Option<PathBuf>,

    /// Make no keys: those that are not there are an error
    #[arg(
        long, env = "WEFT_NO_KEYGEN", value_parser = BoolishValueParser::new(),
        hide_env_values = true, help_heading = HEADING
    )]
    no_keygen: bool,

    /// How long the claims are valid, such as `90d` [default: for ever]
    #[arg(
        long, env = "WEFT_EXPIRES", value_name = "DURATION", value_parser = parse_lifetime,
        hide_env_values = true, help_heading = HEADING
    )]
    expires: Option<Duration>,

    /// After which time the claims become valid [default: at once]
    #[arg(
        long, env = "WEFT_VALID_AFTER", value_name = "DURATION", value_parser = parse_lifetime,
        hide_env_values = true, help_heading = HEADING
    )]
    valid_after: Option<Duration>,
}

/// Who signs what, for how long.
pub(crate) struct Signer {
    /// The key that signs.
    pub(crate) issuer: KeyPair,
    /// The public key that claims are about.
    pub(crate) subject: String,
    /// When they are valid.
    pub(crate) times: Times,
}

// ===== impl SigningArgs =====

impl SigningArgs {
    /// Who signs for a subject of this kind. It is `known` where nothing else is said, or the key `name`. Keys that are made
    /// are told.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub(crate) fn signer(
        &self,
        kind: Kind,
        name: &str,
        known: Option<&str>,
        context: &mut Context,
    ) -> Result<Signer, Failure> {
        let dir = self
            .keys_dir
            .as_ref()
            .map(|dir| context.directory.join(dir));
        let keyring = Keyring::new(dir, &context.data_dir()?);
        let named = self.issuer.as_deref();
        let issuer = self.key(&keyring, named, ISSUER, Kind::Account, context)?;
        let subject = match (&self.subject, known) {
            (Some(text), _) if kind_of_public(text) == Some(kind) => text.clone(),
            (None, Some(known)) => known.to_owned(),
            (given, _) => {
                let key = self.key(&keyring, given.as_deref(), name, kind, context)?;
                key.public
            }
        };
        let issuer = issuer.pair().ok_or_else(|| KeyError::Kind {
            name: named.unwrap_or(ISSUER).to_owned(),
            wanted: Kind::Account,
            found: Kind::Curve,
        })?;
        Ok(Signer {
            issuer,
            subject,
            times: self.times(SystemTime::now()),
        })
    }

    /// The key that is named, which has to be there, or the one of the default name, which is made otherwise.
    fn key(
        &self,
        keyring: &Keyring,
        named: Option<&str>,
        default: &str,
        wanted: Kind,
        context: &mut Context,
    ) -> Result<Key, KeyError> {
        let name = named.unwrap_or(default);
        let found = match keyring.find(name, &context.directory) {
            Err(KeyError::Missing { .. }) if named.is_none() && !self.no_keygen => {
                let kept = keyring.keep(name, Key::generate(wanted), false)?;
                let text = format!(
                    "made the {} key `{name}` in {}",
                    wanted.word(),
                    kept.path.display()
                );
                context.console.note(&text);
                kept
            }
            found => found?,
        };
        if found.key.kind != wanted {
            return Err(KeyError::Kind {
                name: name.to_owned(),
                wanted,
                found: found.key.kind,
            });
        }
        Ok(found.key)
    }

    fn times(&self, now: SystemTime) -> Times {
        let seconds = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs())
        };
        let after = |wait: Duration| now.checked_add(wait).map(seconds);
        Times {
            issued_at: seconds(now),
            expires_at: self.expires.and_then(after),
            not_before: self.valid_after.and_then(after),
        }
    }
}
