//! Making archives.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::SystemTime;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use nkeys::KeyPair;
use sha2::{Digest as _, Sha256};

use super::error::ArchiveError;
use super::read::scan;
use super::{CLAIMS_ENTRY, EXECUTABLE_EXTENSION, Limits, Target, WORLD_ENTRY};
use crate::claims::{About, Claims, ProviderClaims, Times, Token, hex_upper};

const EXECUTABLE_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// Whether an archive is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// A plain tar, `.par`.
    None,
    /// In gzip, as small as it gets: `.par.gz`.
    Gzip,
}

/// Makes an archive, of executables held in memory.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    claims: ProviderClaims,
    executables: BTreeMap<Target, Vec<u8>>,
    world: Option<Vec<u8>>,
}

// ===== impl Builder =====

impl Builder {
    /// An archive without executables for a provider that `claims` describe; their hashes are set when it is written.
    pub fn new(claims: ProviderClaims) -> Self {
        Self {
            claims,
            ..Self::default()
        }
    }

    /// Takes up what an archive holds, to insert more. Returns its claims as well: who signed, and for which subject.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], as [`super::inspect`].
    pub fn from_archive(
        archive: impl Read,
        limits: &Limits,
        now: SystemTime,
    ) -> Result<(Self, Claims), ArchiveError> {
        let mut builder = Self::default();
        let contents = scan(archive, limits, now, |target, bytes| {
            let entry = match target {
                // Looked up first: most pieces are not the first of their entry.
                Some(target) => match builder.executables.get_mut(target) {
                    Some(entry) => entry,
                    None => builder.executables.entry(target.clone()).or_default(),
                },
                None => builder.world.get_or_insert_default(),
            };
            entry.extend_from_slice(bytes);
            Ok(())
        })?;
        if let Some(provider) = contents.claims.provider() {
            builder.claims = provider.clone();
        }
        Ok((builder, contents.claims))
    }

    /// Puts an executable in, in the place of one for the same target.
    #[must_use]
    pub fn executable(mut self, target: Target, bytes: Vec<u8>) -> Self {
        self.executables.insert(target, bytes);
        self
    }

    /// Puts the WIT package in, in its binary form.
    #[must_use]
    pub fn world(mut self, bytes: Vec<u8>) -> Self {
        self.world = Some(bytes);
        self
    }

    /// Signs and writes the archive: claims about `subject`, a key of kind `V`, made by `issuer`, an account key.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::NoExecutable`] when there is none at all, [`ArchiveError::Claims`] when the keys are of the wrong
    /// kind, [`ArchiveError::Write`].
    pub fn write(
        mut self,
        output: impl Write,
        compression: Compression,
        subject: &str,
        times: Times,
        issuer: &KeyPair,
    ) -> Result<Token, ArchiveError> {
        if self.executables.is_empty() {
            return Err(ArchiveError::NoExecutable {
                target: Target::current(),
                found: Vec::new(),
            });
        }
        self.claims.target_hashes = self.hashes();
        let about = About::Provider(self.claims.clone());
        let token = Token::sign(subject, about, times, issuer)
            .map_err(|source| ArchiveError::Claims { source })?;
        let written = match compression {
            Compression::None => self.write_tar(&token, output).map(drop),
            Compression::Gzip => self
                .write_tar(&token, GzEncoder::new(output, Level::best()))
                .and_then(GzEncoder::finish)
                .map(drop),
        };
        written.map_err(|source| ArchiveError::Write {
            source: Arc::new(source),
        })?;
        Ok(token)
    }

    fn hashes(&self) -> BTreeMap<String, String> {
        let executables = self
            .executables
            .iter()
            .map(|(target, bytes)| (target.to_string(), bytes));
        let world = self
            .world
            .iter()
            .map(|bytes| (WORLD_ENTRY.to_owned(), bytes));
        executables
            .chain(world)
            .map(|(name, bytes)| (name, hex_upper(&Sha256::digest(bytes))))
            .collect()
    }

    fn write_tar<W: Write>(&self, token: &Token, output: W) -> io::Result<W> {
        let mut archive = tar::Builder::new(output);
        append(
            &mut archive,
            CLAIMS_ENTRY,
            FILE_MODE,
            token.as_str().as_bytes(),
        )?;
        for (target, bytes) in &self.executables {
            let name = format!("{target}.{EXECUTABLE_EXTENSION}");
            append(&mut archive, &name, EXECUTABLE_MODE, bytes)?;
        }
        if let Some(world) = &self.world {
            append(&mut archive, WORLD_ENTRY, FILE_MODE, world)?;
        }
        archive.into_inner()
    }
}

/// Times and owners stay zero: the same content makes the same entries.
fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    archive.append_data(&mut header, name, bytes)
}
