//! The account of a broker: the key that signs the JWTs of its users.

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};

use super::jwt::{self, JwtError, User, Wanted};
use super::nonce::random;
use super::{AuthError, UserCredentials, private_file};

/// Longest file of a seed that is read, in bytes; a seed has 58.
const SEED_LEN_MAX: u64 = 4096;

/// Longest JWT that is made: a client sends it in one control line, of 4096 bytes at most by default, with its
/// signature and what else it has to say.
const JWT_LEN_MAX: usize = 3400;

/// The account of a broker.
pub(super) struct Account {
    key: KeyPair,
    public_key: String,
}

// ---------------------------------------------------------------------------------------------------------

impl Account {
    /// A new account, which ends with the process.
    pub(super) fn new() -> Result<Self, AuthError> {
        let key = KeyPair::new_from_raw(KeyPairType::Account, random()?)
            .map_err(|_| AuthError::Random)?;
        Ok(Self::from_key(key))
    }

    /// The account whose seed is in the file at `path`; a new one if there is none.
    pub(super) fn load_or_create(path: &Path) -> Result<Self, AuthError> {
        let damaged = || AuthError::AccountKey {
            path: path.to_owned(),
        };
        if let Some(account) = Self::load(path)? {
            return Ok(account);
        }
        let account = Self::new()?;
        let seed = account.key.seed().map_err(|_| damaged())?;
        if private_file::create(path, format!("{seed}\n").as_bytes())? {
            return Ok(account);
        }
        // Another process was faster.
        Self::load(path)?.ok_or_else(damaged)
    }

    fn load(path: &Path) -> Result<Option<Self>, AuthError> {
        let Some(seed) = private_file::read(path, SEED_LEN_MAX)? else {
            return Ok(None);
        };
        match KeyPair::from_seed(seed.trim()) {
            Ok(key) if key.key_pair_type() == KeyPairType::Account => Ok(Some(Self::from_key(key))),
            _ => Err(AuthError::AccountKey {
                path: path.to_owned(),
            }),
        }
    }

    fn from_key(key: KeyPair) -> Self {
        Self {
            public_key: key.public_key(),
            key,
        }
    }

    pub(super) fn public_key(&self) -> &str {
        &self.public_key
    }

    /// Makes a user with a key of its own.
    pub(super) fn mint(&self, wanted: &Wanted<'_>) -> Result<UserCredentials, AuthError> {
        check_name(wanted.name)?;
        wanted.permissions.check()?;
        let user =
            KeyPair::new_from_raw(KeyPairType::User, random()?).map_err(|_| AuthError::Random)?;
        let id = URL_SAFE_NO_PAD.encode(random::<24>()?);
        let jwt = jwt::render(&self.key, &user.public_key(), wanted, id, SystemTime::now())
            .map_err(|_| AuthError::Random)?;
        if jwt.len() > JWT_LEN_MAX {
            return Err(AuthError::TooLong {
                len: jwt.len(),
                max: JWT_LEN_MAX,
            });
        }
        let seed = user.seed().map_err(|_| AuthError::Random)?;
        Ok(UserCredentials::new(user.public_key(), jwt, seed))
    }

    /// Reads and checks the JWT of a client.
    pub(super) fn verify(&self, jwt: &str) -> Result<User, JwtError> {
        jwt::verify(jwt, &self.key, SystemTime::now())
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Account")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

/// Whether `name` may name a user.
pub(super) fn check_name(name: &str) -> Result<(), AuthError> {
    const LEN_MAX: usize = 128;
    let is_valid =
        !name.is_empty() && name.chars().count() <= LEN_MAX && !name.chars().any(char::is_control);
    if is_valid {
        Ok(())
    } else {
        Err(AuthError::Name {
            name: name.to_owned(),
        })
    }
}
