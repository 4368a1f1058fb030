//! Tokens: claims in the form in which they are signed.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::error::{ClaimsError, TimeProblem};
use super::record::{About, Claims, ComponentClaims, ProviderClaims};

/// The longest token that is read, in bytes. A provider's has a config schema and a hash for each target.
pub const TOKEN_BYTES_MAX: usize = 256 * 1024;

/// The form of tokens that are written: hashes of components are enforced.
const FORM: u32 = 3;
const ALGORITHM: &str = "Ed25519";
const PUBLIC_KEY_CHARS: usize = 56;

/// A token that was read, with what it says. Nothing about it is trusted until [`Token::verify`].
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    text: String,
    claims: Claims,
}

#[derive(Serialize, Deserialize)]
struct Header {
    typ: String,
    alg: String,
}

/// The claims as JSON, `A` being what depends on the kind of the subject.
#[derive(Serialize, Deserialize)]
struct Body<A> {
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(default)]
    jti: String,
    #[serde(default)]
    iat: u64,
    iss: String,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    wascap: Option<A>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wascap_revision: Option<u32>,
}

#[derive(Deserialize)]
struct Subject {
    sub: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Signer {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_signers: Option<Vec<String>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Host {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<std::collections::BTreeMap<String, String>>,
}

// ===== impl Token =====

impl Token {
    /// Reads a token; white space around it is ignored.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`] when it is too long or not of the form of spec §6.4.
    pub fn parse(text: &str) -> Result<Self, ClaimsError> {
        let text = text.trim();
        if text.len() > TOKEN_BYTES_MAX {
            return Err(ClaimsError::TooLong {
                bytes: text.len(),
                bytes_max: TOKEN_BYTES_MAX,
            });
        }
        let parts: Vec<&str> = text.splitn(4, '.').collect();
        let [header, body, signature] = parts[..] else {
            return Err(ClaimsError::Malformed { part: "token" });
        };
        let header: Header = parse_part(&decode(header, "header")?, "header")?;
        if !header.alg.eq_ignore_ascii_case(ALGORITHM) {
            return Err(ClaimsError::Algorithm {
                algorithm: header.alg.chars().take(32).collect(),
            });
        }
        decode(signature, "signature")?;
        let claims = parse_claims(&decode(body, "claims")?)?;
        Ok(Self {
            text: text.to_owned(),
            claims,
        })
    }

    /// Signs claims for `subject`, a public key whose kind is that of `about`, with the key of the issuer.
    ///
    /// # Errors
    ///
    /// [`ClaimsError::Malformed`] when the pair has no private key, [`ClaimsError::Issuer`] when it may not sign this.
    pub fn sign(
        subject: &str,
        about: About,
        times: Times,
        issuer: &KeyPair,
    ) -> Result<Self, ClaimsError> {
        let claims = Claims {
            id: Ulid::generate().to_string(),
            issued_at: times.issued_at,
            issuer: issuer.public_key(),
            subject: subject.to_owned(),
            expires_at: times.expires_at,
            not_before: times.not_before,
            form: Some(FORM),
            about,
        };
        if !may_sign(&claims.issuer, &claims.subject) {
            return Err(ClaimsError::Issuer {
                subject: claims.subject,
                issuer: claims.issuer,
            });
        }
        let header = render_part(&Header {
            typ: "jwt".to_owned(),
            alg: ALGORITHM.to_owned(),
        })?;
        let signed = format!("{header}.{}", render_claims(&claims)?);
        let signature = issuer
            .sign(signed.as_bytes())
            .map_err(|_| ClaimsError::Malformed { part: "issuer" })?;
        Ok(Self {
            text: format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)),
            claims,
        })
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks that the issuer signed it, that it may, and that it is valid at `now`.
    ///
    /// # Errors
    ///
    /// [`ClaimsError`], saying which of them fails.
    pub fn verify(&self, now: SystemTime) -> Result<&Claims, ClaimsError> {
        let claims = &self.claims;
        let wrong = || ClaimsError::Signature {
            subject: claims.subject.clone(),
            issuer: claims.issuer.clone(),
        };
        let (signed, signature) = self.text.rsplit_once('.').ok_or_else(wrong)?;
        let signature = decode(signature, "signature")?;
        if claims.issuer.len() != PUBLIC_KEY_CHARS {
            return Err(ClaimsError::Malformed { part: "issuer" });
        }
        let issuer = KeyPair::from_public_key(&claims.issuer)
            .map_err(|_| ClaimsError::Malformed { part: "issuer" })?;
        issuer
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| wrong())?;
        if !may_sign(&claims.issuer, &claims.subject) {
            return Err(ClaimsError::Issuer {
                subject: claims.subject.clone(),
                issuer: claims.issuer.clone(),
            });
        }
        let now = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let problem = match (claims.expires_at, claims.not_before) {
            (Some(end), _) if now >= end => TimeProblem::Expired(end),
            (_, Some(begin)) if now < begin => TimeProblem::NotYet(begin),
            _ => return Ok(claims),
        };
        Err(ClaimsError::Time {
            subject: claims.subject.clone(),
            problem,
        })
    }
}

/// The times in a token, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// When it is signed.
    pub issued_at: u64,
    /// See [`Claims::expires_at`].
    pub expires_at: Option<u64>,
    /// See [`Claims::not_before`].
    pub not_before: Option<u64>,
}

/// Who signs whom (spec §6.4): components, providers and hosts are signed by accounts, the rest by operators.
fn may_sign(issuer: &str, subject: &str) -> bool {
    match subject.bytes().next() {
        Some(b'M' | b'V') => issuer.starts_with('A'),
        Some(b'N') => issuer.starts_with(['A', 'O']),
        Some(b'A' | b'O' | b'C') => issuer.starts_with('O'),
        _ => false,
    }
}

fn parse_claims(json: &[u8]) -> Result<Claims, ClaimsError> {
    let Subject { sub } = parse_part(json, "claims")?;
    match sub.bytes().next() {
        Some(b'M') => parse_body(json, About::Component),
        Some(b'V') => parse_body(json, About::Provider),
        Some(b'A' | b'O' | b'C') => parse_body(json, |signer: Signer| About::Signer {
            name: signer.name,
            valid_signers: signer.valid_signers.unwrap_or_default(),
        }),
        Some(b'N') => parse_body(json, |host: Host| About::Host {
            name: host.name,
            labels: host.labels.unwrap_or_default(),
        }),
        _ => Err(ClaimsError::Malformed { part: "claims" }),
    }
}

fn parse_body<A: DeserializeOwned + Default>(
    json: &[u8],
    about: impl FnOnce(A) -> About,
) -> Result<Claims, ClaimsError> {
    let body: Body<A> = parse_part(json, "claims")?;
    Ok(Claims {
        id: body.jti,
        issued_at: body.iat,
        issuer: body.iss,
        subject: body.sub,
        expires_at: body.exp,
        not_before: body.nbf,
        form: body.wascap_revision,
        about: about(body.wascap.unwrap_or_default()),
    })
}

fn render_claims(claims: &Claims) -> Result<String, ClaimsError> {
    fn body<A: Serialize>(claims: &Claims, about: A) -> Result<String, ClaimsError> {
        render_part(&Body {
            exp: claims.expires_at,
            jti: claims.id.clone(),
            iat: claims.issued_at,
            iss: claims.issuer.clone(),
            sub: claims.subject.clone(),
            nbf: claims.not_before,
            wascap: Some(about),
            wascap_revision: claims.form,
        })
    }
    match &claims.about {
        About::Component(component) => body::<&ComponentClaims>(claims, component),
        About::Provider(provider) => body::<&ProviderClaims>(claims, provider),
        About::Signer {
            name,
            valid_signers,
        } => body(
            claims,
            Signer {
                name: name.clone(),
                valid_signers: (!valid_signers.is_empty()).then(|| valid_signers.clone()),
            },
        ),
        About::Host { name, labels } => body(
            claims,
            Host {
                name: name.clone(),
                labels: Some(labels.clone()),
            },
        ),
    }
}

fn decode(text: &str, part: &'static str) -> Result<Vec<u8>, ClaimsError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| ClaimsError::Malformed { part })
}

fn parse_part<T: DeserializeOwned>(json: &[u8], part: &'static str) -> Result<T, ClaimsError> {
    serde_json::from_slice(json).map_err(|_| ClaimsError::Malformed { part })
}

fn render_part<T: Serialize>(part: &T) -> Result<String, ClaimsError> {
    let json = serde_json::to_vec(part).map_err(|_| ClaimsError::Malformed { part: "claims" })?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
