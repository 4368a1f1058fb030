//! Why users cannot be read, changed or made.

use std::io;
use std::path::PathBuf;

/// Why users cannot be read, changed or made. None holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// A file or the directory cannot be read or written.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of the account's key holds something else.
    #[error("`{}` does not hold the seed of an account", path.display())]
    AccountKey {
        /// The file.
        path: PathBuf,
    },
    /// The list of users cannot be understood.
    #[error("the list of users in `{}` is damaged", path.display())]
    Users {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// The list of users was written by a version with another format.
    #[error("the list of users in `{}` has a format that this version cannot read", path.display())]
    UsersVersion {
        /// The file.
        path: PathBuf,
    },
    /// There are as many users as may be.
    #[error("there are {max} users already, revoked ones included")]
    TooManyUsers {
        /// The bound.
        max: usize,
    },
    /// A user of that name is there.
    #[error("there is a user `{name}` already")]
    UserExists {
        /// The name.
        name: String,
    },
    /// No user of that name is there, or it is revoked.
    #[error("there is no user `{name}`")]
    NoUser {
        /// The name.
        name: String,
    },
    /// A name is empty, too long, or has characters that are not to be printed.
    #[error("`{}` is not the name of a user: 1 to 128 characters, none of them control characters", name.escape_debug())]
    Name {
        /// The name.
        name: String,
    },
    /// A text is not the public key of a user.
    #[error("`{key}` is not the public key of a user")]
    Key {
        /// The text, which is public.
        key: String,
    },
    /// A text is not a hash of bcrypt.
    #[error("the password of a user is not a hash of bcrypt")]
    Hash,
    /// A password is empty or longer than bcrypt can take, or has a zero byte.
    #[error("a password has 1 to 72 bytes, none of them zero")]
    Password,
    /// A permission is not a subject.
    #[error("`{rule}` is not a subject that may be allowed or denied")]
    Rule {
        /// The permission.
        rule: String,
    },
    /// There are too many permissions of one kind.
    #[error("more than {max} subjects are allowed or denied")]
    TooManyRules {
        /// The bound.
        max: usize,
    },
    /// The permissions make a JWT that does not fit into the first line of a client.
    #[error("the permissions make credentials of {len} bytes, more than {max}")]
    TooLong {
        /// Bytes of the JWT.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The operating system has no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
}
