//! The directory of an account: its key, and the list of its users.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::account::{Account, check_name};
use super::jwt::Wanted;
use super::permissions::Permissions;
use super::users::{HashForm, KindForm, UserFile, UserForm, whole_seconds};
use super::{AuthError, PasswordHash, UserCredentials, jwt, private_file};

/// The files in the directory. Each is for its owner alone.
const ACCOUNT: &str = "account.nk";
const USERS: &str = "users.json";
const LOCK: &str = "users.lock";

/// Users of one list, revoked ones included.
const USERS_MAX: usize = 10_000;

/// Longest list that is read, in bytes.
const USERS_LEN_MAX: u64 = 64 * 1024 * 1024;

/// The directory of an account: its key, and the list of its users.
///
/// A running broker with this directory in [`crate::Auth::directory`] takes changes over within about a second, or
/// at once with [`crate::Handle::reload`]. Several processes may change it: each change holds a lock, and replaces
/// the list as a whole. All functions block on the disk.
///
/// The list says which JWTs were made and which are revoked. A JWT is accepted because the account signed it, so one
/// that is missing in the list is accepted, too.
#[derive(Debug)]
pub struct UserStore {
    directory: PathBuf,
    pub(super) account: Account,
}

/// A user that is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// What it is called, in the list, and in the log: 1 to 128 characters.
    pub name: String,
    /// What it may do. Default: everything.
    pub permissions: Permissions,
    /// When it ceases to be valid, exact to a second. Default: never.
    pub expires: Option<SystemTime>,
}

/// A user of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserRecord {
    /// What it is called. Unique among those that are not revoked.
    pub name: String,
    /// How it proves who it is.
    pub kind: UserKind,
    /// What it may do.
    pub permissions: Permissions,
    /// When it was made.
    pub created: SystemTime,
    /// When it ceases to be valid.
    pub expires: Option<SystemTime>,
    /// When it was revoked.
    pub revoked: Option<SystemTime>,
}

/// How a user of the list proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserKind {
    /// With a JWT for this public key, and a signature of that key.
    Jwt {
        /// The public key, `U…`.
        public_key: String,
    },
    /// With its name and a password.
    Password,
    /// With a token.
    Token,
    /// With a signature of the key.
    Nkey {
        /// The public key, `U…`.
        public_key: String,
    },
}

/// What tells one version of the list from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    /// The number of the file, where there are such: each replacement has another.
    number: u64,
}

// ---------------------------------------------------------------------------------------------------------

impl UserStore {
    /// Opens the directory, which is made with a new account if it is not there.
    ///
    /// # Errors
    ///
    /// If the directory or the key cannot be used.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, AuthError> {
        let directory = directory.into();
        private_file::ensure_directory(&directory)?;
        let account = Account::load_or_create(&directory.join(ACCOUNT))?;
        Ok(Self { directory, account })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The public key of the account, `A…`.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account.public_key()
    }

    /// Makes a user with a key and a JWT. This is the only time that its seed is seen.
    ///
    /// # Errors
    ///
    /// If there is a user of that name, if name or permissions are not valid, or if the list cannot be changed.
    pub fn add(&self, user: &NewUser) -> Result<UserCredentials, AuthError> {
        let expires = user.expires.map(whole_seconds);
        let credentials = self.account.mint(&Wanted {
            name: &user.name,
            permissions: &user.permissions,
            expires,
        })?;
        let mut form = UserForm::new(user.name.clone(), KindForm::Jwt, &user.permissions);
        form.key = Some(credentials.public_key().to_owned());
        form.expires = expires;
        self.append(form)?;
        Ok(credentials)
    }

    /// Adds a user with a name and a password.
    ///
    /// # Errors
    ///
    /// As [`UserStore::add`]; [`AuthError::Hash`] for one that is only in memory.
    pub fn add_password(&self, user: &NewUser, password: PasswordHash) -> Result<(), AuthError> {
        self.add_hash(user, KindForm::Password, password)
    }

    /// Adds a token.
    ///
    /// # Errors
    ///
    /// As [`UserStore::add_password`].
    pub fn add_token(&self, user: &NewUser, token: PasswordHash) -> Result<(), AuthError> {
        self.add_hash(user, KindForm::Token, token)
    }

    /// Adds a user whose key was made elsewhere, by its public key `U…`.
    ///
    /// # Errors
    ///
    /// As [`UserStore::add`]; [`AuthError::Key`] if it is not the public key of a user.
    pub fn add_nkey(&self, user: &NewUser, public_key: &str) -> Result<(), AuthError> {
        if !jwt::is_user_key(public_key) {
            return Err(AuthError::Key {
                key: public_key.to_owned(),
            });
        }
        let mut form = checked(user, KindForm::Nkey)?;
        form.key = Some(public_key.to_owned());
        self.append(form)
    }

    /// All users, revoked ones included, in the order they were made.
    ///
    /// # Errors
    ///
    /// If the list cannot be read.
    pub fn list(&self) -> Result<Vec<UserRecord>, AuthError> {
        Ok(self.read()?.into_iter().map(UserRecord::from).collect())
    }

    /// Revokes the user of that name: it cannot connect any more, and is cut where it is connected. There is no way
    /// back; another user may have the name.
    ///
    /// # Errors
    ///
    /// If there is no such user, or the list cannot be changed.
    pub fn revoke(&self, name: &str) -> Result<UserRecord, AuthError> {
        self.change(|users| {
            let user = users
                .iter_mut()
                .find(|user| user.name == name && user.revoked.is_none())
                .ok_or_else(|| AuthError::NoUser {
                    name: name.to_owned(),
                })?;
            user.revoked = Some(whole_seconds(SystemTime::now()));
            Ok(UserRecord::from(user.clone()))
        })
    }

    pub(super) fn read(&self) -> Result<Vec<UserForm>, AuthError> {
        let path = self.users_path();
        match private_file::read(&path, USERS_LEN_MAX)? {
            Some(text) => Ok(UserFile::parse(&text, &path)?.users),
            None => Ok(Vec::new()),
        }
    }

    /// What the list is now; `None` if there is none. Read before the list, it never calls an old list new.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(self.users_path()).ok()?;
        Some(Stamp {
            modified: metadata.modified().ok(),
            len: metadata.len(),
            number: number(&metadata),
        })
    }

    fn add_hash(
        &self,
        user: &NewUser,
        kind: KindForm,
        hash: PasswordHash,
    ) -> Result<(), AuthError> {
        if hash.as_str().is_none() {
            return Err(AuthError::Hash);
        }
        let mut form = checked(user, kind)?;
        form.hash = Some(HashForm(hash));
        self.append(form)
    }

    fn append(&self, user: UserForm) -> Result<(), AuthError> {
        self.change(|users| {
            if users.len() >= USERS_MAX {
                return Err(AuthError::TooManyUsers { max: USERS_MAX });
            }
            let is_taken = |other: &UserForm| other.name == user.name && other.revoked.is_none();
            if users.iter().any(is_taken) {
                return Err(AuthError::UserExists { name: user.name });
            }
            users.push(user);
            Ok(())
        })
    }

    /// Changes the list while no other process does.
    fn change<R>(
        &self,
        change: impl FnOnce(&mut Vec<UserForm>) -> Result<R, AuthError>,
    ) -> Result<R, AuthError> {
        let lock_path = self.directory.join(LOCK);
        let lock = private_file::open_lock(&lock_path)
            .and_then(|lock| File::lock(&lock).map(|()| lock))
            .map_err(|source| private_file::failed(&lock_path, source))?;
        let mut users = self.read()?;
        let result = change(&mut users)?;
        private_file::replace(&self.users_path(), UserFile::new(users).render().as_bytes())?;
        drop(lock);
        Ok(result)
    }

    fn users_path(&self) -> PathBuf {
        self.directory.join(USERS)
    }
}

impl From<UserForm> for UserRecord {
    fn from(form: UserForm) -> Self {
        let permissions = form.permissions();
        let public_key = form.key.unwrap_or_default();
        Self {
            name: form.name,
            kind: match form.kind {
                KindForm::Jwt => UserKind::Jwt { public_key },
                KindForm::Nkey => UserKind::Nkey { public_key },
                KindForm::Password => UserKind::Password,
                KindForm::Token => UserKind::Token,
            },
            permissions,
            created: form.created,
            expires: form.expires,
            revoked: form.revoked,
        }
    }
}

fn checked(user: &NewUser, kind: KindForm) -> Result<UserForm, AuthError> {
    check_name(&user.name)?;
    user.permissions.check()?;
    let mut form = UserForm::new(user.name.clone(), kind, &user.permissions);
    form.expires = user.expires.map(whole_seconds);
    Ok(form)
}

#[cfg(unix)]
fn number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_metadata: &fs::Metadata) -> u64 {
    0
}
