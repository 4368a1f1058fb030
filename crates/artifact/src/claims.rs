//! Claims: who signed a component or provider, and what they say it is (spec §6.4).
//!
//! A token is a JWT signed with an Ed25519 nkey. Components carry theirs in a custom section, archives of providers in
//! a file. [`Token::parse`] reads and trusts nothing; [`Token::verify`] checks the signature, who may sign what, and
//! the time.

mod error;
mod record;
mod section;
mod token;

pub use error::{ClaimsError, TimeProblem};
pub use record::{About, Claims, ComponentClaims, ProviderClaims};
pub(crate) use section::hex_upper;
pub use section::{embed, hash_unsigned, read, sign, verify};
pub use token::{TOKEN_BYTES_MAX, Times, Token};

#[cfg(test)]
mod tests;
