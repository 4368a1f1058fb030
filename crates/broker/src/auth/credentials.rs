//! What a user needs to connect with a JWT.

use std::fmt;
use std::path::Path;

use super::{AuthError, Hidden, private_file};

/// A user's JWT and the seed of its key: all that it needs to connect.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCredentials {
    public_key: String,
    jwt: String,
    seed: Hidden,
}

// ---------------------------------------------------------------------------------------------------------

impl UserCredentials {
    pub(super) fn new(public_key: String, jwt: String, seed: String) -> Self {
        Self {
            public_key,
            jwt,
            seed: Hidden(seed),
        }
    }

    /// The public key of the user, `U…`, by which it is revoked.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The JWT. It is shown to the server, and useless without the seed.
    #[must_use]
    pub fn jwt(&self) -> &str {
        &self.jwt
    }

    /// The seed, `SU…`: a secret.
    #[must_use]
    pub fn seed(&self) -> &str {
        &self.seed.0
    }

    /// Both in the form of a `.creds` file, which every NATS client reads: a secret.
    #[must_use]
    pub fn render(&self) -> String {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             # The seed below is a secret: whoever has it can act as this user.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            self.jwt, self.seed.0
        )
    }

    /// Writes a `.creds` file that only its owner may read. A file that is there is replaced as a whole.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), AuthError> {
        private_file::replace(path, self.render().as_bytes())
    }
}

impl fmt::Debug for UserCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UserCredentials")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}
