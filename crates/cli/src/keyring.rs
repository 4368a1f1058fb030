//! Keys of this user: nkeys in private files, by name (spec §6.5).

mod error;
mod kind;
mod signing;

pub(crate) use error::KeyError;
pub(crate) use kind::Kind;
pub(crate) use signing::{Signer, SigningArgs};

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nkeys::{KeyPair, KeyPairType, XKey};

/// The directory of keys in the data directory.
const KEYS_DIR: &str = "keys";
/// What names of files with keys end in.
const EXTENSION: &str = "nk";
/// Bytes of a file with a seed that are read; a seed has 58.
const SEED_BYTES_MAX: u64 = 256;
/// Keys that are listed.
const KEYS_MAX: usize = 10_000;

/// A key with its private half. It is not printed.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// The public half.
    pub(crate) public: String,
    seed: String,
}

/// A key that is kept under a name.
#[derive(Clone)]
pub(crate) struct NamedKey {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) key: Key,
}

/// The keys in a directory.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    dir: PathBuf,
}

// ===== impl Key =====

impl Key {
    /// Makes a new key.
    pub(crate) fn generate(kind: Kind) -> Self {
        let made = match kind.pair_type() {
            Some(pair_type) => {
                let pair = KeyPair::new(pair_type);
                pair.seed().map(|seed| (pair.public_key(), seed))
            }
            None => {
                let pair = XKey::new();
                pair.seed().map(|seed| (pair.public_key(), seed))
            }
        };
        let (public, seed) = made.expect("a pair that was just made has its private half");
        Self { kind, public, seed }
    }

    /// Reads a seed; `None` when it is none.
    pub(crate) fn of_seed(seed: &str) -> Option<Self> {
        let seed = seed.trim();
        if let Ok(pair) = XKey::from_seed(seed) {
            return Some(Self {
                kind: Kind::Curve,
                public: pair.public_key(),
                seed: seed.to_owned(),
            });
        }
        let pair = KeyPair::from_seed(seed).ok()?;
        Some(Self {
            kind: Kind::of_pair(&pair.key_pair_type())?,
            public: pair.public_key(),
            seed: seed.to_owned(),
        })
    }

    /// The private half, for whoever is to have it.
    pub(crate) fn seed(&self) -> &str {
        &self.seed
    }

    /// The pair, to sign with; `None` for curve keys, which sign nothing.
    pub(crate) fn pair(&self) -> Option<KeyPair> {
        KeyPair::from_seed(&self.seed).ok()
    }
}

// ===== impl Keyring =====

impl Keyring {
    /// The keys in `dir`, or those of the data directory.
    pub(crate) fn new(dir: Option<PathBuf>, data_dir: &Path) -> Self {
        Self {
            dir: dir.unwrap_or_else(|| data_dir.join(KEYS_DIR)),
        }
    }

    /// All keys, by name. Files that hold none are left out.
    pub(crate) fn list(&self) -> Result<Vec<NamedKey>, KeyError> {
        let unreadable = |source| KeyError::Unreadable {
            path: self.dir.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut keys = Vec::new();
        for entry in entries.take(KEYS_MAX) {
            let path = entry.map_err(unreadable)?.path();
            if path.extension() == Some(OsStr::new(EXTENSION))
                && let Ok(key) = read(&path)
            {
                keys.push(key);
            }
        }
        keys.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(keys)
    }

    /// The key of this name, or in the file of this path, counted from `directory`.
    pub(crate) fn find(&self, text: &str, directory: &Path) -> Result<NamedKey, KeyError> {
        if is_path(text) {
            return read(&directory.join(text));
        }
        read(&self.path(text)?)
    }

    /// Keeps a key under a name.
    pub(crate) fn keep(&self, name: &str, key: Key, replaces: bool) -> Result<NamedKey, KeyError> {
        let path = self.path(name)?;
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        if replaces {
            // Made anew, as one that is there may be readable for others.
            drop(fs::remove_file(&path));
        }
        options.create_new(true);
        let written = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .and_then(|()| options.open(&path))
            .and_then(|mut file| {
                file.write_all(format!("{}\n", key.seed()).as_bytes())?;
                file.sync_all()
            });
        match written {
            Ok(()) => Ok(NamedKey {
                name: name.to_owned(),
                path,
                key,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeyError::Exists { path })
            }
            Err(source) => Err(KeyError::Unwritable { path, source }),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf, KeyError> {
        let is_name = !name.is_empty()
            && !name.starts_with('.')
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_name {
            return Err(KeyError::Name {
                name: name.to_owned(),
            });
        }
        Ok(self.dir.join(format!("{name}.{EXTENSION}")))
    }
}

/// Whether `text` is a path and no name of a key.
fn is_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(&format!(".{EXTENSION}"))
}

fn read(path: &Path) -> Result<NamedKey, KeyError> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| {
        file.take(SEED_BYTES_MAX).read_to_string(&mut text)?;
        Ok(())
    });
    match read {
        Ok(()) => {}
        Err(source) if source.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing {
                path: path.to_owned(),
            });
        }
        Err(source) => {
            return Err(KeyError::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    }
    let key = Key::of_seed(&text).ok_or_else(|| KeyError::Malformed {
        path: path.to_owned(),
    })?;
    let name = path.file_stem().unwrap_or_default();
    Ok(NamedKey {
        name: name.to_string_lossy().into_owned(),
        path: path.to_owned(),
        key,
    })
}

/// The kind of a public key; `None` when it is none.
pub(crate) fn kind_of_public(public: &str) -> Option<Kind> {
    if XKey::from_public_key(public).is_ok() {
        return Some(Kind::Curve);
    }
    let pair: KeyPairType = KeyPair::from_public_key(public).ok()?.key_pair_type();
    Kind::of_pair(&pair)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_kept_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Keyring::new(None, dir.path());
        assert!(keyring.list().unwrap().is_empty());
        for kind in Kind::ALL {
            let made = Key::generate(kind);
            assert_eq!(kind_of_public(&made.public), Some(kind));
            let kept = keyring.keep(kind.word(), made.clone(), false).unwrap();
            let mode = fs::metadata(&kept.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let found = keyring.find(kind.word(), dir.path()).unwrap();
            assert_eq!(found.key.public, made.public);
            assert_eq!(found.key.kind, kind);
            let path = kept.path.to_str().unwrap();
            assert_eq!(
                keyring.find(path, dir.path()).unwrap().key.seed(),
                made.seed()
            );
        }
        assert_eq!(keyring.list().unwrap().len(), Kind::ALL.len());
        let mode = fs::metadata(dir.path().join("keys"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);

        let again = keyring.keep("host", Key::generate(Kind::Host), false);
        assert!(matches!(again, Err(KeyError::Exists { .. })));
        keyring
            .keep("host", Key::generate(Kind::Host), true)
            .unwrap();
        for name in ["", "..", ".x", "a/b", "a b"] {
            let kept = keyring.keep(name, Key::generate(Kind::Host), false);
            assert!(matches!(kept, Err(KeyError::Name { .. })), "{name}");
        }
        assert!(matches!(
            keyring.find("none", dir.path()),
            Err(KeyError::Missing { .. })
        ));
        fs::write(dir.path().join("keys/bad.nk"), "no seed").unwrap();
        assert!(matches!(
            keyring.find("bad", dir.path()),
            Err(KeyError::Malformed { .. })
        ));
    }
}
