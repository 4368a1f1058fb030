//! Passwords and tokens: what is kept of them, and how they are compared.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::AuthError;
use super::nonce::random;

/// Work factor of new hashes: as the reference server's own tool takes by default.
const COST: u32 = 11;

/// Bounds of what bcrypt can take.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Longest password, in bytes: bcrypt overlooks what is behind.
const PASSWORD_LEN_MAX: usize = 72;

/// Passwords that are checked at a time, each on a thread for work that blocks.
const CHECKS_MAX: usize = 2;

/// Passwords that are remembered as right, and as wrong.
const KNOWN_MAX: usize = 4096;

/// What is kept of a password or a token. It prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    /// `$2a$…`, `$2b$…` or `$2y$…`.
    Bcrypt(String),
    /// Never leaves this process.
    Digest { salt: [u8; 16], digest: [u8; 32] },
}

/// Compares passwords with what is kept of them.
///
/// bcrypt is slow on purpose. So that many wrong passwords keep nobody out, only [`CHECKS_MAX`] are compared at a
/// time, only one of them for any one user, and what was compared lately is remembered: whoever connects again
/// with the right password waits for nobody.
#[derive(Debug)]
pub(super) struct Verifier {
    running: Arc<Semaphore>,
    right: Mutex<Recent>,
    wrong: Mutex<Recent>,
    /// Makes what is remembered worthless outside of this process.
    salt: [u8; 32],
}

/// The turn of a comparison did not come in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Late;

/// The last things of many.
#[derive(Debug, Default)]
struct Recent {
    known: HashSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

// ---------------------------------------------------------------------------------------------------------

impl PasswordHash {
    /// Hashes a password or token with bcrypt, as nats-server's configuration files hold them. Takes about a tenth
    /// of a second.
    ///
    /// # Errors
    ///
    /// If it is empty, longer than 72 bytes, or has a zero byte.
    pub fn new(password: &str) -> Result<Self, AuthError> {
        Self::with_cost(password, COST)
    }

    /// Hashes with a work factor of `cost` (4 to 31): each step doubles the time, which is that of each new
    /// connection, too.
    ///
    /// # Errors
    ///
    /// As [`PasswordHash::new`]; [`AuthError::Hash`] if the factor is out of bounds.
    pub fn with_cost(password: &str, cost: u32) -> Result<Self, AuthError> {
        check(password)?;
        if !COSTS.contains(&cost) {
            return Err(AuthError::Hash);
        }
        // Nothing else can fail but the source of its salt.
        let hash = bcrypt::hash(password, cost).map_err(|_| AuthError::Random)?;
        Ok(Self(Form::Bcrypt(hash)))
    }

    /// Keeps a digest that is quick to compare, for a password or token that stands in a file in plain anyway. It
    /// cannot be written down.
    ///
    /// # Errors
    ///
    /// As [`PasswordHash::new`].
    pub fn in_memory(password: &str) -> Result<Self, AuthError> {
        check(password)?;
        let salt = random()?;
        Ok(Self(Form::Digest {
            salt,
            digest: digest(&salt, &[password.as_bytes()]),
        }))
    }

    /// The hash as text, unless it is only in memory.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Form::Bcrypt(hash) => Some(hash),
            Form::Digest { .. } => None,
        }
    }
}

/// Reads a hash of bcrypt, such as `$2a$11$…`.
impl FromStr for PasswordHash {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        let is_known = ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        let parts = bcrypt::HashParts::from_str(text).map_err(|_| AuthError::Hash)?;
        if is_known && COSTS.contains(&parts.get_cost()) {
            Ok(Self(Form::Bcrypt(text.to_owned())))
        } else {
            Err(AuthError::Hash)
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl Verifier {
    pub(super) fn new() -> Result<Self, AuthError> {
        Ok(Self {
            running: Arc::new(Semaphore::new(CHECKS_MAX)),
            right: Mutex::default(),
            wrong: Mutex::default(),
            salt: random()?,
        })
    }

    /// Whether `password` is the one that `hash` was made of. `lane` admits one at a time for one user, and the turn
    /// must come before `turn_max`. If cancelled, a comparison that has begun goes on and counts until it ends.
    pub(super) async fn is_right(
        &self,
        hash: &PasswordHash,
        password: &str,
        lane: &Arc<Semaphore>,
        turn_max: Instant,
    ) -> Result<bool, Late> {
        let hash = match &hash.0 {
            Form::Digest { salt, digest: kept } => {
                return Ok(is_same(&digest(salt, &[password.as_bytes()]), kept));
            }
            Form::Bcrypt(hash) => hash,
        };
        if check(password).is_err() {
            return Ok(false);
        }
        let key = digest(&self.salt, &[hash.as_bytes(), password.as_bytes()]);
        if let Some(known) = self.recall(&key) {
            return Ok(known);
        }
        let lane = turn(lane, turn_max).await?;
        // Somebody with the same password may have been before in the lane.
        if let Some(known) = self.recall(&key) {
            return Ok(known);
        }
        let running = turn(&self.running, turn_max).await?;
        let (hash, password) = (hash.clone(), password.to_owned());
        // They are given back with the answer, also if nobody waits for it any more.
        let compare = move || {
            let is_right = bcrypt::verify(password, &hash).unwrap_or(false);
            (is_right, running, lane)
        };
        let Ok((is_right, _running, _lane)) = tokio::task::spawn_blocking(compare).await else {
            return Ok(false);
        };
        let list = if is_right { &self.right } else { &self.wrong };
        lock(list).add(key);
        Ok(is_right)
    }

    fn recall(&self, key: &[u8; 32]) -> Option<bool> {
        if lock(&self.right).known.contains(key) {
            return Some(true);
        }
        lock(&self.wrong).known.contains(key).then_some(false)
    }
}

impl Recent {
    fn add(&mut self, key: [u8; 32]) {
        if self.known.insert(key) {
            self.order.push_back(key);
        }
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Waits for a place, which nobody ever takes away.
async fn turn(places: &Arc<Semaphore>, turn_max: Instant) -> Result<OwnedSemaphorePermit, Late> {
    let place = timeout_at(turn_max, Arc::clone(places).acquire_owned()).await;
    place.ok().and_then(Result::ok).ok_or(Late)
}

fn lock(recent: &Mutex<Recent>) -> std::sync::MutexGuard<'_, Recent> {
    // At worst one entry is in the list and not in the set.
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(password: &str) -> Result<(), AuthError> {
    let is_valid = (1..=PASSWORD_LEN_MAX).contains(&password.len()) && !password.contains('\0');
    if is_valid {
        Ok(())
    } else {
        Err(AuthError::Password)
    }
}

fn digest(salt: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Compares without telling by its time how much is the same. Digests of secrets under a salt tell nothing of them
/// anyway.
fn is_same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let difference = left
        .iter()
        .zip(right)
        .fold(0, |bits, (a, b)| bits | (a ^ b));
    std::hint::black_box(difference) == 0
}
