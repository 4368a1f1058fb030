//! Secrets that a provider is given, and the keys that open them.

use std::collections::BTreeMap;
use std::fmt;

use nkeys::XKey;
use weft_protocol::json;
use weft_protocol::provider::HostData;
pub use weft_protocol::provider::SecretValue;

use crate::error::HostDataError;

/// Secrets by name, ordered by it. Prints the names alone.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secrets {
    values: BTreeMap<String, SecretValue>,
}

/// The curve keys of this process and of its host, with which secrets of links are opened (spec §5.3).
pub(crate) struct Keys {
    own: XKey,
    host: Option<XKey>,
    /// The public half of `own`: on it this process is told of links, and no other of the same provider.
    public: String,
}

/// Why secrets of a link cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The host data has no keys.
    #[error("the host gave no keys to open secrets with")]
    NoKeys,
    /// They are sealed for somebody else, or by somebody else.
    #[error("the secrets are not sealed by the host for this process")]
    Sealed(#[source] nkeys::error::Error),
    /// What was sealed are no secrets.
    #[error("what is sealed are no secrets")]
    Form(#[from] json::DecodeError),
}

// ===== impl Secrets =====

impl Secrets {
    pub(crate) fn new(values: BTreeMap<String, SecretValue>) -> Self {
        Self { values }
    }

    /// The secret of that name.
    pub fn get(&self, name: &str) -> Option<&SecretValue> {
        self.values.get(name)
    }

    /// The secret of that name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            SecretValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The secret of that name as bytes, which are those of the text if it is one.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name)? {
            SecretValue::String(text) => Some(text.as_bytes()),
            SecretValue::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

// ===== impl Keys =====

impl Keys {
    /// The keys in host data; `None` where it has none for the process.
    pub(crate) fn of(data: &HostData) -> Result<Option<Self>, HostDataError> {
        let key = |field, source| HostDataError::Key { field, source };
        if data.provider_xkey_private_key.is_empty() {
            return Ok(None);
        }
        let own = XKey::from_seed(&data.provider_xkey_private_key)
            .map_err(|error| key("provider_xkey_private_key", error))?;
        let host = match data.host_xkey_public_key.as_str() {
            "" => None,
            public => Some(
                XKey::from_public_key(public)
                    .map_err(|error| key("host_xkey_public_key", error))?,
            ),
        };
        let public = own.public_key();
        Ok(Some(Self { own, host, public }))
    }

    pub(crate) fn public(&self) -> &str {
        &self.public
    }

    fn open(&self, sealed: &[u8]) -> Result<Secrets, OpenError> {
        let host = self.host.as_ref().ok_or(OpenError::NoKeys)?;
        let opened = self.own.open(sealed, host).map_err(OpenError::Sealed)?;
        Ok(Secrets::new(json::decode(&opened)?))
    }
}

/// Opens the secrets of a link; none are sealed as nothing.
pub(crate) fn open(keys: Option<&Keys>, sealed: Option<&[u8]>) -> Result<Secrets, OpenError> {
    match sealed {
        None | Some([]) => Ok(Secrets::default()),
        Some(sealed) => keys.ok_or(OpenError::NoKeys)?.open(sealed),
    }
}
