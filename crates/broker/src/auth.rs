//! Who may connect, and what each may publish and receive.
//!
//! A client proves who it is with a password, a token, an nkey (it signs a nonce), or a user JWT (a text that the
//! account of this broker has signed, and the nonce signed with the key that the text names). There is one
//! account. Its key, and the list of users, live in a directory of their own: [`UserStore`] reads and changes it,
//! also while a broker runs, which looks for changes every second.
//!
//! Decisions are in [`permissions`] and [`jwt`], which know neither sockets nor files.

mod account;
mod credentials;
mod error;
mod gate;
mod jwt;
mod nonce;
mod password;
mod permissions;
mod private_file;
mod replies;
mod store;
#[cfg(test)]
mod tests;
mod users;

use std::fmt;
use std::path::PathBuf;

pub use credentials::UserCredentials;
pub use error::AuthError;
pub(crate) use gate::{Gate, Identity, Refusal};
pub(crate) use jwt::instant_of;
pub(crate) use nonce::nonce;
pub use password::PasswordHash;
pub(crate) use permissions::{Checks, RuleTexts};
pub use permissions::{Permissions, Responses, SubjectRules};
pub(crate) use replies::Replies;
pub use store::{NewUser, UserKind, UserRecord, UserStore};

/// Who may connect to a broker. With it every client on every address must prove who it is.
///
/// The default lets in nobody but users that the broker itself makes: see [`crate::Handle::mint_user`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Auth {
    /// Users that stand in the settings, beside those of the directory. Default: none.
    pub users: Vec<User>,
    /// The directory of the account's key and of the list of users, which is made if it is not there. Default:
    /// none, and then the account is a new one at each start, and only [`Auth::users`] are known.
    pub directory: Option<PathBuf>,
}

/// A user that stands in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// How the log calls it; for a password, the name that the client gives.
    pub name: String,
    /// How it proves who it is.
    pub secret: UserSecret,
    /// What it may do. Default: everything.
    pub permissions: Permissions,
}

/// How a user of the settings proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserSecret {
    /// With its name and a password.
    Password(PasswordHash),
    /// With a token.
    Token(PasswordHash),
    /// With the key of this public key, `U…`.
    Nkey(String),
}

// ---------------------------------------------------------------------------------------------------------

impl Auth {
    /// Users from `directory`, and no others.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            users: Vec::new(),
            directory: Some(directory.into()),
        }
    }

    /// Adds a user.
    #[must_use]
    pub fn with_user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }
}

impl User {
    /// A user with a name and a password, who may do everything.
    #[must_use]
    pub fn password(name: impl Into<String>, password: PasswordHash) -> Self {
        Self::new(name.into(), UserSecret::Password(password))
    }

    /// Whoever has the token, who may do everything. `name` is for the log.
    #[must_use]
    pub fn token(name: impl Into<String>, token: PasswordHash) -> Self {
        Self::new(name.into(), UserSecret::Token(token))
    }

    /// Whoever has the seed of this public key (`U…`), who may do everything. `name` is for the log.
    #[must_use]
    pub fn nkey(name: impl Into<String>, public_key: impl Into<String>) -> Self {
        Self::new(name.into(), UserSecret::Nkey(public_key.into()))
    }

    /// The same user with these permissions.
    #[must_use]
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    fn new(name: String, secret: UserSecret) -> Self {
        Self {
            name,
            secret,
            permissions: Permissions::default(),
        }
    }
}

/// A text that is not to be seen in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}
