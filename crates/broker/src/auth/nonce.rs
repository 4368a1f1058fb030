//! Random numbers that nobody may guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::AuthError;

/// Bytes of a nonce: as many as the reference server uses, so that no client finds it too long.
const NONCE_LEN: usize = 11;

/// What one client is to sign.
pub(crate) fn nonce() -> Result<String, AuthError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<NONCE_LEN>()?))
}

/// Random bytes, fit for keys.
pub(super) fn random<const LEN: usize>() -> Result<[u8; LEN], AuthError> {
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes).map_err(|_| AuthError::Random)?;
    Ok(bytes)
}
