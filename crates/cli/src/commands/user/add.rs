//! `weft user add`: make a user.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_broker::{
    AuthError, NewUser, PasswordHash, Permissions, Responses, SubjectRules, UserStore,
};

use super::error::UserError;
use super::view::UserView;
use crate::arguments::parse_lifetime;
use crate::context::Context;
use crate::failure::Failure;
use crate::secret::SecretFile;
use crate::view::{Block, SchemaVersion, View};

/// Make a user of the built-in NATS server, and write its credentials to a file
///
/// The file holds a JWT and the seed of the user's key. It is the only copy of the seed, and for its owner alone. Without an
/// `--allow-…` a user may do everything. Passwords and tokens are kept as hashes.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft user add ada                    Make a user who may do everything; see ada.creds
  weft user add lights --expires 30d --allow-pub 'home.lights.>' --allow-sub '_INBOX.>'
                                       Make one with rights, for a month
  weft user add printer --password-file -
                                       Make one with a password, which is asked for")]
pub(crate) struct AddArgs {
    /// Name of the user
    #[arg(value_name = "NAME")]
    name: String,

    /// Subject it may publish under; may be given several times
    #[arg(
        long,
        env = "WEFT_ALLOW_PUB",
        value_name = "SUBJECT",
        hide_env_values = true
    )]
    allow_pub: Vec<String>,

    /// Subject it may subscribe to, and maybe a queue group after a blank; may be given several times
    #[arg(
        long,
        env = "WEFT_ALLOW_SUB",
        value_name = "SUBJECT",
        hide_env_values = true
    )]
    allow_sub: Vec<String>,

    /// Subject it may not publish under; may be given several times
    #[arg(
        long,
        env = "WEFT_DENY_PUB",
        value_name = "SUBJECT",
        hide_env_values = true
    )]
    deny_pub: Vec<String>,

    /// Subject it may not subscribe to; may be given several times
    #[arg(
        long,
        env = "WEFT_DENY_SUB",
        value_name = "SUBJECT",
        hide_env_values = true
    )]
    deny_sub: Vec<String>,

    /// Let it answer requests, and publish nothing else than `--allow-pub` says
    #[arg(
        long, env = "WEFT_ALLOW_RESPONSES", value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    allow_responses: bool,

    /// How long it is valid, such as `12h` or `30d` [default: until it is revoked]
    #[arg(
        long, env = "WEFT_EXPIRES", value_name = "DURATION", value_parser = parse_lifetime,
        hide_env_values = true
    )]
    expires: Option<Duration>,

    /// File for the credentials [default: NAME.creds]
    #[arg(long, env = "WEFT_OUT", value_name = "FILE", hide_env_values = true)]
    out: Option<PathBuf>,

    /// Replace the file if it is there
    #[arg(long, env = "WEFT_FORCE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    force: bool,

    /// Give it the password in this file, instead of credentials; `-` asks or reads standard input
    #[arg(
        long, env = "WEFT_PASSWORD_FILE", value_name = "FILE", hide_env_values = true,
        conflicts_with_all = ["token_file", "nkey", "out", "force"]
    )]
    password_file: Option<PathBuf>,

    /// Give it the token in this file, instead of credentials; `-` asks or reads standard input
    #[arg(
        long, env = "WEFT_TOKEN_FILE", value_name = "FILE", hide_env_values = true,
        conflicts_with_all = ["nkey", "out", "force"]
    )]
    token_file: Option<PathBuf>,

    /// Take the key that was made elsewhere, by its public half `U…`, instead of credentials
    #[arg(
        long, env = "WEFT_NKEY", value_name = "PUBLIC-KEY", hide_env_values = true,
        conflicts_with_all = ["out", "force"]
    )]
    nkey: Option<String>,
}

/// A user that was made.
#[derive(Debug, Serialize)]
struct AddedView {
    schema_version: SchemaVersion,
    /// The user.
    user: UserView,
    /// The file with its credentials; `null` where it has none.
    file: Option<PathBuf>,
}

/// Makes the user.
pub(super) async fn run(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let user = new_user(args)?;
    let file = if let Some(path) = &args.password_file {
        let hash = read_hash(path, "password", context).await?;
        let store = super::open(context)?;
        store.add_password(&user, hash).map_err(UserError::Store)?;
        None
    } else if let Some(path) = &args.token_file {
        let hash = read_hash(path, "token", context).await?;
        let store = super::open(context)?;
        store.add_token(&user, hash).map_err(UserError::Store)?;
        None
    } else if let Some(key) = &args.nkey {
        let store = super::open(context)?;
        store.add_nkey(&user, key).map_err(UserError::Store)?;
        None
    } else {
        let path = out_file(args, context)?;
        let store = super::open(context)?;
        add_credentials(&store, &user, &path).map_err(UserError::Store)?;
        Some(path)
    };
    show(&user.name, file, context)
}

fn new_user(args: &AddArgs) -> Result<NewUser, UserError> {
    let rules = |allow: &[String], deny: &[String]| SubjectRules {
        allow: allow.to_vec(),
        deny: deny.to_vec(),
    };
    let expires = match args.expires {
        Some(lifetime) => {
            let end = SystemTime::now().checked_add(lifetime);
            Some(end.ok_or(UserError::Lifetime)?)
        }
        None => None,
    };
    Ok(NewUser {
        name: args.name.clone(),
        permissions: Permissions {
            publish: rules(&args.allow_pub, &args.deny_pub),
            subscribe: rules(&args.allow_sub, &args.deny_sub),
            responses: args.allow_responses.then(Responses::default),
        },
        expires,
    })
}

async fn read_hash(
    path: &Path,
    what: &'static str,
    context: &mut Context,
) -> Result<PasswordHash, Failure> {
    let file = SecretFile::at(path, &context.directory);
    let secret = file.read(what, &mut context.console).await?;
    let hash = PasswordHash::new(&secret).map_err(UserError::Store)?;
    Ok(hash)
}

/// Where the credentials go.
fn out_file(args: &AddArgs, context: &Context) -> Result<PathBuf, UserError> {
    let path = match &args.out {
        Some(path) => context.directory.join(path),
        // A name may be no name of a file.
        None if args.name.contains(['/', '\\']) => return Err(UserError::OutMissing),
        None => context.directory.join(format!("{}.creds", args.name)),
    };
    if !args.force && path.symlink_metadata().is_ok() {
        return Err(UserError::OutExists { path });
    }
    Ok(path)
}

fn add_credentials(store: &UserStore, user: &NewUser, path: &Path) -> Result<(), AuthError> {
    let credentials = store.add(user)?;
    if let Err(error) = credentials.write(path) {
        // Nobody has its seed; what is told is why.
        let _ = store.revoke(&user.name);
        return Err(error);
    }
    Ok(())
}

fn show(name: &str, file: Option<PathBuf>, context: &mut Context) -> Result<(), Failure> {
    let users = super::open(context)?.list().map_err(UserError::Store)?;
    let user = users.into_iter().rev().find(|user| user.name == name);
    let user = user.ok_or_else(|| {
        let name = name.to_owned();
        UserError::Store(AuthError::NoUser { name })
    })?;
    context.show(&AddedView {
        schema_version: SchemaVersion,
        user: UserView::new(user, SystemTime::now()),
        file,
    });
    Ok(())
}

impl View for AddedView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.user.name;
        let text = match &self.user.expires {
            Some(expires) => format!("user `{name}` is made, valid until {expires}"),
            None => format!("user `{name}` is made"),
        };
        let mut blocks = vec![Block::Done(text)];
        if let Some(file) = &self.file {
            let text = format!("credentials in {}, for your eyes alone", file.display());
            blocks.push(Block::Done(text));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.user.name.clone()]
    }
}
