//! Encrypted connections: certificates, which are read again when they are replaced, and handshakes.

mod handshake;
mod stream;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

pub(crate) use handshake::{Opening, open};
pub(crate) use stream::Stream;

/// Largest file of certificates or keys that is read, in bytes.
const FILE_LEN_MAX: u64 = 4 * 1024 * 1024;

/// An address where connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsListen {
    /// The address. Port 0 takes any free port.
    pub address: SocketAddr,
    /// The broker's certificate, and those between it and its authority, in PEM.
    pub cert_file: PathBuf,
    /// The key of the certificate, in PEM.
    pub key_file: PathBuf,
    /// Authorities of clients, in PEM. With it, every client must have a certificate of one of them.
    pub client_ca_file: Option<PathBuf>,
    /// When a connection is encrypted. Default: after the greeting.
    pub mode: TlsMode,
}

/// When a connection is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// After the greeting, as clients expect it of nats-server.
    #[default]
    Required,
    /// After the greeting if the client wants it, and not at all otherwise.
    Optional,
    /// From the first byte on. Clients must be told.
    First,
}

/// Why a connection cannot be encrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error("`{}` holds no certificate in PEM", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no key.
    #[error("`{}` holds no private key in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key does not belong to the certificate, or one of them is of a kind that is not known.
    #[error("the certificate in `{}` and the key in `{}` cannot be used together", cert_file.display(), key_file.display())]
    Pair {
        /// The file of the certificate.
        cert_file: PathBuf,
        /// The file of the key.
        key_file: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The authorities of clients cannot be used.
    #[error("the certificates in `{}` cannot be used to check those of clients", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// How one address encrypts, kept up to date with its files.
pub(crate) struct Acceptor {
    options: TlsListen,
    config: RwLock<Arc<ServerConfig>>,
    /// The files of which `config` was made.
    stamp: Mutex<Vec<Stamp>>,
}

/// What tells one version of a file from another.
type Stamp = Option<(Option<SystemTime>, u64)>;

// ---------------------------------------------------------------------------------------------------------

impl TlsListen {
    /// Encrypts at `address` with this certificate, after the greeting, for clients without certificates.
    #[must_use]
    pub fn new(
        address: SocketAddr,
        cert_file: impl Into<PathBuf>,
        key_file: impl Into<PathBuf>,
    ) -> Self {
        Self {
            address,
            cert_file: cert_file.into(),
            key_file: key_file.into(),
            client_ca_file: None,
            mode: TlsMode::default(),
        }
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.cert_file, &self.key_file]
            .into_iter()
            .chain(&self.client_ca_file)
            .map(PathBuf::as_path)
    }

    fn stamp(&self) -> Vec<Stamp> {
        self.files()
            .map(|path| {
                let metadata = fs::metadata(path).ok()?;
                Some((metadata.modified().ok(), metadata.len()))
            })
            .collect()
    }

    /// Reads the files.
    fn load(&self) -> Result<ServerConfig, TlsError> {
        let certificates = read_certificates(&self.cert_file)?;
        let key =
            PrivateKeyDer::from_pem_slice(&read(&self.key_file)?).map_err(|_| TlsError::NoKey {
                path: self.key_file.clone(),
            })?;
        let failed = |source| TlsError::Pair {
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            source,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = match &self.client_ca_file {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let authorities =
                    |source: Box<dyn std::error::Error + Send + Sync>| TlsError::Authorities {
                        path: path.clone(),
                        source,
                    };
                let mut roots = RootCertStore::empty();
                for certificate in read_certificates(path)? {
                    roots
                        .add(certificate)
                        .map_err(|error| authorities(error.into()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|error| authorities(error.into()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        builder.with_single_cert(certificates, key).map_err(failed)
    }
}

impl Acceptor {
    /// Reads the files. Blocks on the disk.
    pub(crate) fn new(options: TlsListen) -> Result<Self, TlsError> {
        let stamp = options.stamp();
        let config = options.load()?;
        Ok(Self {
            options,
            config: RwLock::new(Arc::new(config)),
            stamp: Mutex::new(stamp),
        })
    }

    /// Reads the files again if they have changed, and tells whether they have. Blocks on the disk. Connections that
    /// stand keep what they have; after an error new ones keep it, too.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.options.stamp();
        if *stamp == now {
            return Ok(false);
        }
        // Before they are read, so that the same mistake is complained of once.
        *stamp = now;
        let config = Arc::new(self.options.load()?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(true)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.options.address
    }

    pub(crate) fn mode(&self) -> TlsMode {
        self.options.mode
    }

    pub(crate) fn verifies_clients(&self) -> bool {
        self.options.client_ca_file.is_some()
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Acceptor")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let none = || TlsError::NoCertificate {
        path: path.to_owned(),
    };
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| none())?;
    if certificates.is_empty() {
        return Err(none());
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        source,
    };
    let mut content = Vec::new();
    let len = File::open(path)
        .and_then(|file| file.take(FILE_LEN_MAX + 1).read_to_end(&mut content))
        .map_err(failed)?;
    if len as u64 > FILE_LEN_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(content)
}
