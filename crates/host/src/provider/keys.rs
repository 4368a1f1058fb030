//! Curve keys of the host and of provider processes, and sealing with them (spec §§5.2, 5.3).

use std::fmt;

use nkeys::XKey;
use weft_model::id::EntityId;
use weft_protocol::json;

use super::brief::Secrets;
use crate::error::Refusal;

/// The curve key of this host, new at each start.
pub(crate) struct HostKeys {
    key: XKey,
}

/// The curve key of one provider process.
pub(super) struct ProcessKeys {
    key: XKey,
    /// The public key as a receiver of messages: it addresses this process and no other of the same provider.
    receiver: EntityId,
}

// ===== impl HostKeys =====

impl HostKeys {
    pub(crate) fn generate() -> Self {
        Self { key: XKey::new() }
    }

    pub(super) fn public(&self) -> String {
        self.key.public_key()
    }

    /// Seals `secrets` for a process; `None` when there are none (spec §5.3).
    pub(super) fn seal(
        &self,
        secrets: &Secrets,
        process: &ProcessKeys,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let sealed = self.key.seal(&json::encode(secrets), &process.key);
        sealed.map(Some).map_err(|error| Refusal::Seal {
            reason: error.to_string(),
        })
    }
}

// ===== impl ProcessKeys =====

impl ProcessKeys {
    pub(super) fn generate() -> Result<Self, Refusal> {
        let key = XKey::new();
        let receiver = key.public_key().parse();
        let receiver = receiver.map_err(|_| Refusal::Seal {
            reason: "the public key is no id".to_owned(),
        })?;
        Ok(Self { key, receiver })
    }

    pub(super) fn receiver(&self) -> &EntityId {
        &self.receiver
    }

    /// The private half, for the process alone.
    pub(super) fn seed(&self) -> Result<String, Refusal> {
        self.key.seed().map_err(|error| Refusal::Seal {
            reason: error.to_string(),
        })
    }
}

impl fmt::Debug for ProcessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessKeys")
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use weft_protocol::provider::SecretValue;

    use super::*;

    #[test]
    fn only_the_process_that_secrets_are_sealed_for_can_read_them() {
        let host = HostKeys::generate();
        let [process, other] = [(); 2].map(|()| ProcessKeys::generate().unwrap());
        let secrets = Secrets::from([(
            "password".to_owned(),
            SecretValue::String("s3cr3t".to_owned()),
        )]);
        assert_eq!(host.seal(&Secrets::new(), &process), Ok(None));
        let sealed = host.seal(&secrets, &process).unwrap().unwrap();
        let public = XKey::from_public_key(&host.public()).unwrap();
        let open = |keys: &ProcessKeys| {
            // As a provider does, with what it is given in its host data.
            let key = XKey::from_seed(&keys.seed().unwrap()).unwrap();
            key.open(&sealed, &public).ok()
        };
        let opened = open(&process).unwrap();
        assert_eq!(json::decode::<Secrets>(&opened).unwrap(), secrets);
        assert_eq!(open(&other), None);
        assert!(process.receiver().as_str().starts_with('X'));
    }
}
