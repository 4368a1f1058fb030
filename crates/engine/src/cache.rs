//! Compiled code on disk.
//!
//! Loading compiled code trusts it completely, so an entry is believed only with a keyed hash over its name and content;
//! the key lies in the same directory, private to its owner. An entry is read once, verified in memory and loaded from
//! that memory. Whatever is wrong with an entry, it is removed and the component compiled again; a key that is damaged is
//! replaced, and with it all entries.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use blake3::Hash;

mod private_unix;

const MAGIC: &[u8; 8] = b"weftaot1";
const KEY_FILE: &str = "key";
const ENTRY_EXTENSION: &str = "aot";
const TEMPORARY_EXTENSION: &str = "tmp";
/// After this time nobody is still writing to a file; whoever began it has crashed.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);
const HEADER_BYTES: usize = MAGIC.len() + blake3::OUT_LEN;
/// Machine code of one component; far above what the largest accepted component compiles to.
const ENTRY_BYTES_MAX: u64 = 2 << 30;

/// A directory of compiled code.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; blake3::KEY_LEN],
    bytes_max: u64,
}

/// Why a directory cannot serve as a cache.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// It cannot be made, read or written.
    #[error("cannot use `{path}`")]
    Io {
        /// The path in question.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Others could have put code there.
    #[error("`{path}` belongs to or can be written by somebody else")]
    Foreign {
        /// The path in question.
        path: PathBuf,
    },
    /// The operating system yields no random bytes.
    #[error("no random bytes for a key")]
    Random,
}

/// Why an entry was not used.
#[derive(Debug)]
pub(crate) enum Miss {
    /// There is none.
    Absent,
    /// It is there, but damaged or made by somebody else. It has been removed.
    Rejected,
}

// ===== impl Cache =====

impl Cache {
    /// Opens the directory, making it and its key where they are missing.
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        let io_error = |path: &Path| {
            let path = path.to_owned();
            move |source| CacheError::Io { path, source }
        };
        private_unix::make_dir(dir).map_err(io_error(dir))?;
        if !private_unix::is_private_dir(dir).map_err(io_error(dir))? {
            return Err(CacheError::Foreign {
                path: dir.to_owned(),
            });
        }
        let key_path = dir.join(KEY_FILE);
        let key = match read_key(&key_path).map_err(io_error(&key_path))? {
            Some(key) => key,
            None => make_key(&key_path)?,
        };
        let cache = Self {
            dir: dir.to_owned(),
            key,
            bytes_max,
        };
        cache.remove_abandoned().map_err(io_error(dir))?;
        Ok(cache)
    }

    /// The verified content of the entry `name`.
    pub(crate) fn load(&self, name: &Hash) -> Result<Vec<u8>, Miss> {
        let path = self.path(name);
        let mut entry = match read_bounded(&path, ENTRY_BYTES_MAX) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
            Err(error) => {
                tracing::warn!(path = %path.display(), error = %error, "Cannot read an entry of the compile cache");
                return Err(Miss::Absent);
            }
        };
        let is_ours = entry.len() >= HEADER_BYTES
            && &entry[..MAGIC.len()] == MAGIC
            && blake3::Hash::from_slice(&entry[MAGIC.len()..HEADER_BYTES])
                .is_ok_and(|claimed| claimed == self.seal(name, &entry[HEADER_BYTES..]));
        if !is_ours {
            tracing::warn!(path = %path.display(), "Removed a damaged or foreign entry of the compile cache");
            self.remove(name);
            return Err(Miss::Rejected);
        }
        // Marks the entry as used; without it the entry only looks older than it is.
        drop(File::open(&path).and_then(|file| file.set_modified(SystemTime::now())));
        entry.drain(..HEADER_BYTES);
        Ok(entry)
    }

    /// Writes the entry `name`; a reader sees all of it or none.
    pub(crate) fn store(&self, name: &Hash, content: &[u8]) -> io::Result<()> {
        if content.len() as u64 > self.bytes_max {
            return Ok(());
        }
        let seal = self.seal(name, content);
        replace(&self.path(name), &[MAGIC, seal.as_bytes(), content])?;
        self.evict()
    }

    /// Removes the entry `name`, if it is there.
    pub(crate) fn remove(&self, name: &Hash) {
        let path = self.path(name);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), error = %error, "Cannot remove an entry of the compile cache");
        }
    }

    /// Removes the entries that were not used for longest until the rest fits.
    fn evict(&self) -> io::Result<()> {
        let mut entries = self.files(ENTRY_EXTENSION)?;
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        entries.sort();
        for (_, bytes, path) in entries {
            if total <= self.bytes_max {
                break;
            }
            ignore_missing(fs::remove_file(path))?;
            total -= bytes;
        }
        Ok(())
    }

    /// Removes what processes that crashed have left half written.
    fn remove_abandoned(&self) -> io::Result<()> {
        for (written, _, path) in self.files(TEMPORARY_EXTENSION)? {
            if written.elapsed().is_ok_and(|age| age > ABANDONED_AFTER) {
                ignore_missing(fs::remove_file(path))?;
            }
        }
        Ok(())
    }

    /// The files with `extension`: when they were last used, their bytes, their paths. Another process may be removing
    /// some.
    fn files(&self, extension: &str) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_none_or(|found| found != extension) {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) => files.push((metadata.modified()?, metadata.len(), path)),
                Err(error) => ignore_missing(Err(error))?,
            }
        }
        Ok(files)
    }

    fn path(&self, name: &Hash) -> PathBuf {
        self.dir.join(format!("{name}.{ENTRY_EXTENSION}"))
    }

    fn seal(&self, name: &Hash, content: &[u8]) -> Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes());
        hasher.update(content);
        hasher.finalize()
    }
}

/// The key in `path`; `None` when there is none, or one that is damaged.
fn read_key(path: &Path) -> io::Result<Option<[u8; blake3::KEY_LEN]>> {
    match read_bounded(path, blake3::KEY_LEN as u64) {
        Ok(key) => Ok(key.try_into().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a key, in the place of a damaged one where there is one, and gives the one that is there afterwards: another
/// process may make one too.
fn make_key(path: &Path) -> Result<[u8; blake3::KEY_LEN], CacheError> {
    let mut key = [0; blake3::KEY_LEN];
    getrandom::fill(&mut key).map_err(|_| CacheError::Random)?;
    replace(path, &[&key])
        .and_then(|()| read_key(path))
        .map(|found| found.unwrap_or(key))
        .map_err(|source| CacheError::Io {
            path: path.to_owned(),
            source,
        })
}

/// Writes `parts` to `path`; a reader sees all of them or what was there before.
fn replace(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    // No other thread or process writes to a file of this name, and no process that crashed has left one: process ids
    // would not do, in a container they are the same at each start.
    let mut number = [0; 8];
    getrandom::fill(&mut number)
        .map_err(|_| io::Error::other("no random bytes for a file name"))?;
    let temporary = path.with_extension(format!(
        "{:016x}.{TEMPORARY_EXTENSION}",
        u64::from_ne_bytes(number)
    ));
    let mut file = private_unix::create_file(&temporary)?;
    let written = parts
        .iter()
        .try_for_each(|part| file.write_all(part))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Reads a regular file of at most `bytes_max`.
fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > bytes_max {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_entry_is_believed_only_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c"), 1 << 20).unwrap();
        let (name, other) = (blake3::hash(b"a"), blake3::hash(b"b"));
        assert!(matches!(cache.load(&name), Err(Miss::Absent)));
        cache.store(&name, b"code").unwrap();
        assert_eq!(cache.load(&name).unwrap(), b"code");

        // Moved under another name.
        fs::copy(cache.path(&name), cache.path(&other)).unwrap();
        assert!(matches!(cache.load(&other), Err(Miss::Rejected)));
        assert!(matches!(cache.load(&other), Err(Miss::Absent)));

        // One bit changed.
        let mut bytes = fs::read(cache.path(&name)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(cache.path(&name), &bytes).unwrap();
        assert!(matches!(cache.load(&name), Err(Miss::Rejected)));

        // Written with another key.
        let elsewhere = Cache::open(&dir.path().join("d"), 1 << 20).unwrap();
        elsewhere.store(&name, b"code").unwrap();
        fs::copy(elsewhere.path(&name), cache.path(&name)).unwrap();
        assert!(matches!(cache.load(&name), Err(Miss::Rejected)));
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            Cache::open(dir.path(), 1),
            Err(CacheError::Foreign { .. })
        ));
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("c");
        let name = blake3::hash(b"a");
        Cache::open(&dir, 1 << 20)
            .unwrap()
            .store(&name, b"code")
            .unwrap();
        for damage in [&b"short"[..], &[0; 100]] {
            fs::write(dir.join(KEY_FILE), damage).unwrap();
            let cache = Cache::open(&dir, 1 << 20).unwrap();
            assert!(cache.load(&name).is_err());
            cache.store(&name, b"code").unwrap();
            let again = Cache::open(&dir, 1 << 20).unwrap();
            assert_eq!(again.load(&name).unwrap(), b"code");
        }
    }

    #[test]
    fn what_a_crash_left_behind_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("c");
        Cache::open(&dir, 1 << 20).unwrap();
        for (name, age) in [
            ("old.tmp", 2 * ABANDONED_AFTER),
            ("new.tmp", Duration::ZERO),
        ] {
            let file = File::create(dir.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        Cache::open(&dir, 1 << 20).unwrap();
        assert!(!dir.join("old.tmp").exists() && dir.join("new.tmp").exists());
    }

    #[test]
    fn the_least_recently_used_entries_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c"), 3000).unwrap();
        let names: Vec<_> = (0u8..3).map(|n| blake3::hash(&[n])).collect();
        for (age, name) in names.iter().enumerate() {
            cache.store(name, &[0; 900]).unwrap();
            let time = SystemTime::now() - Duration::from_secs(100 - age as u64);
            File::open(cache.path(name))
                .unwrap()
                .set_modified(time)
                .unwrap();
        }
        cache.load(&names[0]).unwrap();
        cache.store(&blake3::hash(b"new"), &[0; 900]).unwrap();
        assert!(cache.load(&names[0]).is_ok());
        assert!(matches!(cache.load(&names[1]), Err(Miss::Absent)));
    }
}
