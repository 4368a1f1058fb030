//! Whom to trust.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::task;
use tokio_rustls::TlsConnector;

use super::error::RegistryError;

/// Makes connectors that trust the system's authorities and those of the settings.
pub(super) struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    /// Made when it is needed first: reading the system's authorities takes a while.
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

// ===== impl Trust =====

impl Trust {
    /// Reads the files with authorities. Blocks on the disk.
    pub(super) fn load(ca_files: &[PathBuf]) -> Result<Self, RegistryError> {
        let mut authorities = Vec::new();
        for path in ca_files {
            let unusable = || RegistryError::Authority { path: path.clone() };
            let before = authorities.len();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unusable())? {
                authorities.push(certificate.map_err(|_| unusable())?);
            }
            let (added, _) = RootCertStore::empty()
                .add_parsable_certificates(authorities[before..].iter().cloned());
            if added == 0 {
                return Err(unusable());
            }
        }
        Ok(Self {
            authorities,
            config: Arc::default(),
        })
    }

    pub(super) async fn connector(&self) -> io::Result<TlsConnector> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone().into());
        }
        let (cell, authorities) = (self.config.clone(), self.authorities.clone());
        let config = task::spawn_blocking(move || {
            let made = configure(authorities)?;
            Ok::<_, io::Error>(cell.get_or_init(|| made).clone())
        });
        Ok(config.await.map_err(io::Error::other)??.into())
    }
}

fn configure(authorities: Vec<CertificateDer<'static>>) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    // What of the system's store cannot be read is left out, as is usual: connections then say whom they do not trust.
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(authorities);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
