//! Who a client is, and whether it still may be connected.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::account::{Account, check_name};
use super::jwt::{self, JwtError, Wanted};
use super::password::{Late, Verifier};
use super::store::{Stamp, UserStore};
use super::users::{KindForm, UserForm};
use super::{Auth, AuthError, Checks, Permissions, User, UserCredentials, UserSecret};
use crate::wire::connect::Claim;

/// Decides who may connect.
pub(crate) struct Gate {
    account: Source,
    fixed: Vec<Arc<Entry>>,
    known: RwLock<Arc<Known>>,
    /// The version of the list that `known` was made of.
    stamp: Mutex<Option<Stamp>>,
    verifier: Verifier,
    /// One token is compared at a time.
    token_lane: Arc<Semaphore>,
}

/// Where the account comes from.
enum Source {
    Memory(Account),
    Directory(UserStore),
}

/// Who a client proved to be.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    proof: Proof,
    /// None for a user who may do everything.
    pub(crate) checks: Option<Arc<Checks>>,
    /// Seconds since 1970.
    pub(crate) expires: Option<u64>,
    pub(crate) subscriptions_max: Option<usize>,
    pub(crate) payload_bytes_max: Option<usize>,
}

#[derive(Debug)]
enum Proof {
    Jwt { key: String },
    Entry(Arc<Entry>),
}

/// A user who is known by more than a signature.
#[derive(Debug)]
struct Entry {
    name: String,
    secret: UserSecret,
    checks: Arc<Checks>,
    expires: Option<u64>,
    /// One password of this user is compared at a time.
    lane: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Known {
    passwords: HashMap<String, Arc<Entry>>,
    nkeys: HashMap<String, Arc<Entry>>,
    tokens: Vec<Arc<Entry>>,
    /// Public keys whose JWTs are revoked.
    revoked: HashSet<String>,
}

/// Why a client is refused. It is not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it presents nothing")]
    Nothing,
    #[error("no such user")]
    Unknown,
    #[error("wrong password or token")]
    Wrong,
    #[error("its turn did not come in time")]
    Late,
    #[error("the nonce is not signed by the key")]
    Signature,
    #[error("user `{name}` is revoked")]
    Revoked { name: String },
    #[error("user `{name}` is expired")]
    Expired { name: String },
    #[error(transparent)]
    Jwt(#[from] JwtError),
    #[error("the permissions of user `{name}` cannot be understood")]
    Permissions {
        name: String,
        #[source]
        source: AuthError,
    },
}

// ---------------------------------------------------------------------------------------------------------

impl Gate {
    /// Reads what is to be read. Blocks on the disk.
    pub(crate) fn open(auth: &Auth) -> Result<Self, AuthError> {
        let fixed = auth
            .users
            .iter()
            .map(|user| Entry::fixed(user).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let account = match &auth.directory {
            Some(directory) => Source::Directory(UserStore::open(directory)?),
            None => Source::Memory(Account::new()?),
        };
        let gate = Self {
            account,
            known: RwLock::new(Arc::new(Known::new(&fixed, Vec::new())?)),
            fixed,
            stamp: Mutex::default(),
            verifier: Verifier::new()?,
            token_lane: Arc::new(Semaphore::new(1)),
        };
        gate.reload()?;
        Ok(gate)
    }

    /// Reads the list again if it has changed, and tells whether it has. Blocks on the disk. After an error the list
    /// of before stays.
    pub(crate) fn reload(&self) -> Result<bool, AuthError> {
        let Source::Directory(store) = &self.account else {
            return Ok(false);
        };
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = store.stamp();
        if *stamp == now {
            return Ok(false);
        }
        // Before it is read, so that a list that is damaged is complained of once.
        *stamp = now;
        let known = Known::new(&self.fixed, store.read()?)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(true)
    }

    /// Makes a user of the account that no list knows of.
    pub(crate) fn mint(
        &self,
        name: &str,
        permissions: &Permissions,
        expires: Option<SystemTime>,
    ) -> Result<UserCredentials, AuthError> {
        self.account().mint(&Wanted {
            name,
            permissions,
            expires,
        })
    }

    /// Who the client is that presents `claim`, and was given `nonce` to sign. If a password is to be compared, and
    /// the turn for that does not come before `turn_max`, it is [`Refusal::Late`]. Cancel safe.
    pub(crate) async fn admit(
        &self,
        claim: &Claim,
        nonce: &str,
        turn_max: Instant,
    ) -> Result<Identity, Refusal> {
        if let Some(jwt) = &claim.jwt {
            return self.admit_jwt(jwt, claim, nonce);
        }
        let known = self.known();
        let entry = if let Some(key) = &claim.nkey {
            let entry = known.nkeys.get(key).ok_or(Refusal::Unknown)?;
            check_signature(key, claim, nonce)?;
            entry
        } else if let Some(user) = &claim.user {
            let password = claim.password.as_ref().ok_or(Refusal::Nothing)?;
            let entry = known.passwords.get(user).ok_or(Refusal::Unknown)?;
            let compared = self.is_right(entry, &password.0, &entry.lane, turn_max);
            compared.await?.then_some(entry).ok_or(Refusal::Wrong)?
        } else if let Some(token) = &claim.token {
            self.find_token(&known, &token.0, turn_max).await?
        } else {
            return Err(Refusal::Nothing);
        };
        let is_expired = |expires: u64| expires <= jwt::seconds(SystemTime::now());
        if entry.expires.is_some_and(is_expired) {
            return Err(Refusal::Expired {
                name: entry.name.clone(),
            });
        }
        Ok(Identity {
            name: entry.name.clone(),
            checks: restricting(&entry.checks),
            expires: entry.expires,
            subscriptions_max: None,
            payload_bytes_max: None,
            proof: Proof::Entry(Arc::clone(entry)),
        })
    }

    /// Whether a client that was admitted as `identity` still would be.
    pub(crate) fn is_current(&self, identity: &Identity) -> bool {
        let known = self.known();
        match &identity.proof {
            Proof::Jwt { key } => !known.revoked.contains(key),
            Proof::Entry(entry) => known.has(entry),
        }
    }

    fn admit_jwt(&self, jwt: &str, claim: &Claim, nonce: &str) -> Result<Identity, Refusal> {
        let user = self.account().verify(jwt)?;
        if self.known().revoked.contains(&user.key) {
            return Err(Refusal::Revoked { name: user.name });
        }
        if !user.is_bearer {
            check_signature(&user.key, claim, nonce)?;
        }
        let checks = Checks::new(&user.permissions).map_err(|source| Refusal::Permissions {
            name: user.name.clone(),
            source,
        })?;
        Ok(Identity {
            name: user.name,
            checks: restricting(&Arc::new(checks)),
            expires: user.expires,
            subscriptions_max: user.subscriptions_max,
            payload_bytes_max: user.payload_bytes_max,
            proof: Proof::Jwt { key: user.key },
        })
    }

    async fn find_token<'k>(
        &self,
        known: &'k Known,
        token: &str,
        turn_max: Instant,
    ) -> Result<&'k Arc<Entry>, Refusal> {
        for entry in &known.tokens {
            let compared = self.is_right(entry, token, &self.token_lane, turn_max);
            if compared.await? {
                return Ok(entry);
            }
        }
        Err(Refusal::Wrong)
    }

    async fn is_right(
        &self,
        entry: &Entry,
        presented: &str,
        lane: &Arc<Semaphore>,
        turn_max: Instant,
    ) -> Result<bool, Late> {
        match &entry.secret {
            UserSecret::Password(hash) | UserSecret::Token(hash) => {
                self.verifier
                    .is_right(hash, presented, lane, turn_max)
                    .await
            }
            UserSecret::Nkey(_) => Ok(false),
        }
    }

    fn account(&self) -> &Account {
        match &self.account {
            Source::Memory(account) => account,
            Source::Directory(store) => &store.account,
        }
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gate")
            .field("account", self.account())
            .finish_non_exhaustive()
    }
}

impl From<Late> for Refusal {
    fn from(_: Late) -> Self {
        Self::Late
    }
}

impl Entry {
    fn fixed(user: &User) -> Result<Self, AuthError> {
        check_name(&user.name)?;
        if let UserSecret::Nkey(key) = &user.secret
            && !jwt::is_user_key(key)
        {
            return Err(AuthError::Key { key: key.clone() });
        }
        Self::new(
            user.name.clone(),
            user.secret.clone(),
            &user.permissions,
            None,
        )
    }

    /// None for a user with a JWT, which says itself what there is to know.
    fn listed(form: &UserForm) -> Result<Option<Self>, AuthError> {
        let hash = || form.hash.clone().ok_or(AuthError::Hash);
        let secret = match form.kind {
            KindForm::Jwt => return Ok(None),
            KindForm::Password => UserSecret::Password(hash()?.0),
            KindForm::Token => UserSecret::Token(hash()?.0),
            KindForm::Nkey => UserSecret::Nkey(form.key.clone().unwrap_or_default()),
        };
        let expires = form.expires.map(jwt::seconds);
        Self::new(form.name.clone(), secret, &form.permissions(), expires).map(Some)
    }

    fn new(
        name: String,
        secret: UserSecret,
        permissions: &Permissions,
        expires: Option<u64>,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            name,
            secret,
            checks: Arc::new(Checks::new(permissions)?),
            expires,
            lane: Arc::new(Semaphore::new(1)),
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.secret == other.secret
            && self.checks == other.checks
            && self.expires == other.expires
    }
}

impl Known {
    /// Users of the settings come before those of the list.
    fn new(fixed: &[Arc<Entry>], listed: Vec<UserForm>) -> Result<Self, AuthError> {
        let mut known = Self::default();
        for entry in fixed {
            known.add(Arc::clone(entry));
        }
        let now = SystemTime::now();
        for form in listed {
            if form.is_active(now) {
                if let Some(entry) = Entry::listed(&form)? {
                    known.add(Arc::new(entry));
                }
            } else if form.kind == KindForm::Jwt && form.revoked.is_some() {
                known.revoked.extend(form.key);
            }
        }
        Ok(known)
    }

    fn add(&mut self, entry: Arc<Entry>) {
        match &entry.secret {
            UserSecret::Password(_) => {
                self.passwords.entry(entry.name.clone()).or_insert(entry);
            }
            UserSecret::Token(_) => self.tokens.push(entry),
            UserSecret::Nkey(key) => {
                self.nkeys.entry(key.clone()).or_insert(entry);
            }
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        let same = |other: &Arc<Entry>| other.is_same(entry);
        match &entry.secret {
            UserSecret::Password(_) => self.passwords.get(&entry.name).is_some_and(same),
            UserSecret::Token(_) => self.tokens.iter().any(same),
            UserSecret::Nkey(key) => self.nkeys.get(key).is_some_and(same),
        }
    }
}

fn restricting(checks: &Arc<Checks>) -> Option<Arc<Checks>> {
    (!checks.allow_everything()).then(|| Arc::clone(checks))
}

/// Checks that the nonce is signed by `key`.
fn check_signature(key: &str, claim: &Claim, nonce: &str) -> Result<(), Refusal> {
    let signature = claim.signature.as_deref().ok_or(Refusal::Signature)?;
    // Clients write it in either form.
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .or_else(|_| STANDARD.decode(signature))
        .map_err(|_| Refusal::Signature)?;
    KeyPair::from_public_key(key)
        .and_then(|key| key.verify(nonce.as_bytes(), &signature))
        .map_err(|_| Refusal::Signature)
}
