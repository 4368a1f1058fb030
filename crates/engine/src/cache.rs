//! Compiled code on disk.
//!
//! Loading compiled code trusts it completely, so an entry is believed only with a keyed hash over its name and content;
//! the key lies in the same directory, private to its owner. An entry is read once, verified in memory and loaded from
//! that memory. Whatever is wrong with an entry, it is removed and the component compiled again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use blake3::Hash;

const MAGIC: &[u8; 8] = b"weftaot1";
const KEY_FILE: &str = "key";
const ENTRY_EXTENSION: &str = "aot";
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
    /// The key has another length than it was given.
    #[error("`{path}` is damaged")]
    Key {
        /// The path of the key.
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
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(io_error(dir))?;
        let metadata = fs::symlink_metadata(dir).map_err(io_error(dir))?;
        let is_private = metadata.is_dir()
            && metadata.mode() & 0o022 == 0
            && metadata.uid() == rustix::process::geteuid().as_raw();
        if !is_private {
            return Err(CacheError::Foreign {
                path: dir.to_owned(),
            });
        }
        let key_path = dir.join(KEY_FILE);
        let key = match read_bounded(&key_path, blake3::KEY_LEN as u64) {
            Ok(key) => key.try_into().map_err(|_| CacheError::Key {
                path: key_path.clone(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(&key_path)?,
            Err(error) => return Err(io_error(&key_path)(error)),
        };
        Ok(Self {
            dir: dir.to_owned(),
            key,
            bytes_max,
        })
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
        let path = self.path(name);
        let temporary = self.dir.join(format!("{name}.{}.tmp", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        let written = file
            .write_all(MAGIC)
            .and_then(|()| file.write_all(self.seal(name, content).as_bytes()))
            .and_then(|()| file.write_all(content))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written?;
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
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let path = entry.path();
            if path
                .extension()
                .is_some_and(|extension| extension == ENTRY_EXTENSION)
            {
                let metadata = entry.metadata()?;
                entries.push((metadata.modified()?, metadata.len(), path));
            }
        }
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        entries.sort();
        for (_, bytes, path) in entries {
            if total <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            total -= bytes;
        }
        Ok(())
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

fn make_key(path: &Path) -> Result<[u8; blake3::KEY_LEN], CacheError> {
    let mut key = [0; blake3::KEY_LEN];
    getrandom::fill(&mut key).map_err(|_| CacheError::Random)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(&key))
        .map_err(|source| CacheError::Io {
            path: path.to_owned(),
            source,
        })?;
    Ok(key)
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
    fn the_least_recently_used_entries_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(&dir.path().join("c"), 3000).unwrap();
        let names: Vec<_> = (0u8..3).map(|n| blake3::hash(&[n])).collect();
        for (age, name) in names.iter().enumerate() {
            cache.store(name, &[0; 900]).unwrap();
            let time = SystemTime::now() - std::time::Duration::from_secs(100 - age as u64);
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
