//! Images whose content is in several layers, one behind the other, as 1.9 reads them (spec §6.1).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use sha2::{Digest as _, Sha256};
use ulid::Ulid;
use weft_model::digest::Digest;

use super::Inner;
use super::pull::disk;
use crate::progress::Teller;
use crate::registry::{Image, Layer, RegistryError, Wanted};
use crate::store::PARTIAL_DIR;

const BUFFER_BYTES: usize = 256 << 10;

impl Inner {
    /// Downloads what is not there of `layers`, and makes one of several. Returns whether all was there.
    pub(super) async fn ensure_layers(
        &self,
        image: &Image,
        layers: &[Layer],
        teller: &Teller,
    ) -> Result<(Layer, bool), RegistryError> {
        let mut is_cached = self.ensure_all(image, layers, teller).await?;
        if let [layer] = layers {
            return Ok((*layer, is_cached));
        }
        let mut joined = self.join_blobs(layers).await;
        if matches!(&joined, Err(error) if error.kind() == io::ErrorKind::InvalidData) {
            // A part was damaged in the cache, and is gone from there now.
            is_cached &= self.ensure_all(image, layers, teller).await?;
            joined = self.join_blobs(layers).await;
        }
        Ok((joined.map_err(|error| disk(&self.dir, error))?, is_cached))
    }

    async fn ensure_all(
        &self,
        image: &Image,
        layers: &[Layer],
        teller: &Teller,
    ) -> Result<bool, RegistryError> {
        let mut is_cached = true;
        for &layer in layers {
            let wanted = Wanted {
                image,
                layer,
                teller,
            };
            is_cached &= self.ensure_blob(&wanted).await?;
        }
        Ok(is_cached)
    }

    /// Makes one blob of several that are there.
    async fn join_blobs(&self, layers: &[Layer]) -> io::Result<Layer> {
        let parts: Vec<_> = layers
            .iter()
            .map(|layer| (self.blob(layer.digest), layer.digest))
            .collect();
        let temporary = self
            .dir
            .join(PARTIAL_DIR)
            .join(format!("{}.tmp", Ulid::generate()));
        let (store, dir) = (self.store.clone(), self.dir.clone());
        let joined = self.run_blocking(move || {
            let joined = join(&parts, &temporary).and_then(|joined| {
                let to = store
                    .path(joined.digest)
                    .unwrap_or_else(|| dir.join(joined.digest.to_hex()));
                fs::rename(&temporary, &to)?;
                store.evict(&to)?;
                Ok(joined)
            });
            if joined.is_err() {
                drop(fs::remove_file(&temporary));
            }
            joined
        });
        joined
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()))
    }
}

/// Writes `parts`, each of which has to have its digest, one behind the other to `to`. A part that has another one is
/// removed, so that it is pulled again.
fn join(parts: &[(std::path::PathBuf, Digest)], to: &std::path::Path) -> io::Result<Layer> {
    let mut options = OpenOptions::new();
    let mut output = options.write(true).create_new(true).mode(0o600).open(to)?;
    let mut whole = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; BUFFER_BYTES];
    for (path, digest) in parts {
        let mut hash = Sha256::new();
        let mut input = File::open(path)?;
        loop {
            let length = input.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            output.write_all(&buffer[..length])?;
            hash.update(&buffer[..length]);
            whole.update(&buffer[..length]);
            bytes += length as u64;
        }
        if Digest::from_bytes(hash.finalize().into()) != *digest {
            drop(fs::remove_file(path));
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    output.sync_data()?;
    Ok(Layer {
        digest: Digest::from_bytes(whole.finalize().into()),
        bytes,
    })
}
