//! Why users cannot be made, listed or revoked.

use std::path::PathBuf;

use weft_broker::AuthError;
use weft_model::problem::Coded;
use weft_node::StartError;

use crate::failure::Failure;
use crate::status::Status;

/// Why users cannot be made, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UserError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(StartError),
    /// The users of it cannot be read or changed, or what is asked of them is not possible.
    #[error(transparent)]
    Store(AuthError),
    /// The file for the credentials is there.
    #[error("`{}` is there already", path.display())]
    OutExists {
        /// The file.
        path: PathBuf,
    },
    /// The name is no name of a file.
    #[error("there is no file for the credentials: the name of the user cannot be that of a file")]
    OutMissing,
    /// The end of its time is further away than clocks go.
    #[error("the user would be valid longer than time is counted")]
    Lifetime,
}

// ===== impl UserError =====

impl Coded for UserError {
    fn code(&self) -> &'static str {
        match self {
            Self::DataDir(error) => error.code(),
            Self::OutExists { .. } | Self::OutMissing => "USR004",
            Self::Lifetime => "USR003",
            Self::Store(error) => match error {
                AuthError::UserExists { .. } => "USR001",
                AuthError::NoUser { .. } => "USR002",
                AuthError::Name { .. }
                | AuthError::Key { .. }
                | AuthError::Hash
                | AuthError::Password
                | AuthError::Rule { .. }
                | AuthError::TooManyRules { .. }
                | AuthError::TooLong { .. } => "USR003",
                _ => "USR005",
            },
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::DataDir(error) => error.subject(),
            Self::OutExists { path } => path.display().to_string(),
            Self::OutMissing => "--out".to_owned(),
            Self::Lifetime => "--expires".to_owned(),
            Self::Store(error) => match error {
                AuthError::UserExists { name }
                | AuthError::NoUser { name }
                | AuthError::Name { name } => name.clone(),
                AuthError::Key { key } => key.clone(),
                AuthError::Rule { rule } => rule.clone(),
                AuthError::File { path, .. }
                | AuthError::AccountKey { path }
                | AuthError::Users { path, .. }
                | AuthError::UsersVersion { path } => path.display().to_string(),
                _ => "user".to_owned(),
            },
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::DataDir(error) => return error.hints(),
            Self::OutExists { .. } => {
                "name another file with `--out`, or replace it with `--force`"
            }
            Self::OutMissing => "name a file with `--out`",
            Self::Lifetime => "give it less time, or leave out `--expires`",
            Self::Store(error) => match error {
                AuthError::UserExists { .. } => {
                    "choose another name, or revoke that one with `weft user revoke`"
                }
                AuthError::NoUser { .. } => "see who is there with `weft user list`",
                AuthError::Key { .. } => "give the public half of a user's key: it begins with `U`",
                AuthError::Rule { .. } => "write a subject, such as `home.lights.>`",
                AuthError::TooManyRules { .. } | AuthError::TooLong { .. } => {
                    "say it with fewer subjects, with wildcards"
                }
                AuthError::File { .. } => {
                    "check that it belongs to you, and that the disk has room"
                }
                AuthError::AccountKey { .. } | AuthError::Users { .. } => {
                    "put back the copy that you keep of it"
                }
                AuthError::UsersVersion { .. } => "use the version of `weft` that wrote it",
                AuthError::TooManyUsers { .. } => {
                    "start with a new account: move the directory `auth` of the data directory away"
                }
                _ => return Vec::new(),
            },
        };
        vec![hint.to_owned()]
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        let status = match &error {
            UserError::OutMissing | UserError::Lifetime => Status::Usage,
            UserError::Store(AuthError::NoUser { .. }) => Status::NotFound,
            _ => Status::Rejected,
        };
        Self::new(status, &error)
    }
}
