//! What is wrong with claims.

use weft_model::problem::Coded;

/// What is wrong with claims.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// The token is longer than any real one.
    #[error("the token of the claims has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The token is not three parts in base64url, or a part is not the JSON that is expected.
    #[error("the {part} of the claims' token cannot be read")]
    Malformed {
        /// `token`, `header`, `claims`, `signature`, `issuer`.
        part: &'static str,
    },
    /// The token is signed by another algorithm than Ed25519.
    #[error("the claims are signed with the algorithm `{algorithm}`, only `Ed25519` is known")]
    Algorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// The bytes are not WebAssembly, or their sections are broken.
    #[error("this is not a WebAssembly component or module that claims could be read from")]
    NotWasm,
    /// The signature is not that of the issuer.
    #[error("the signature of the claims of `{subject}` is not that of `{issuer}`")]
    Signature {
        /// Whom the claims are about.
        subject: String,
        /// Who is said to have signed.
        issuer: String,
    },
    /// This kind of key may not sign such claims.
    #[error(
        "the claims of `{subject}` are signed by `{issuer}`, which is not the kind of key that may"
    )]
    Issuer {
        /// Whom the claims are about.
        subject: String,
        /// Who signed.
        issuer: String,
    },
    /// The content was changed after it was signed.
    #[error("the content of `{subject}` has the hash {found}, but {expected} was signed")]
    Hash {
        /// Whom the claims are about; for archives with the name of the entry.
        subject: String,
        /// The hash in the claims.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// The claims are about something else.
    #[error("the claims of `{subject}` are not those of a {wanted}")]
    Kind {
        /// Whom the claims are about.
        subject: String,
        /// `component` or `provider`.
        wanted: &'static str,
    },
    /// The claims are not valid at this time.
    #[error("the claims of `{subject}` {problem}")]
    Time {
        /// Whom the claims are about.
        subject: String,
        /// In which way.
        problem: TimeProblem,
    },
}

/// Why claims are not valid at this time. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimeProblem {
    /// They were valid until then.
    #[error("expired at {0}")]
    Expired(u64),
    /// They are valid from then on.
    #[error("are not valid before {0}")]
    NotYet(u64),
}

impl Coded for ClaimsError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::Algorithm { .. }
            | Self::NotWasm
            | Self::Kind { .. } => "ART024",
            Self::Signature { .. } | Self::Issuer { .. } | Self::Hash { .. } => "ART025",
            Self::Time { .. } => "ART026",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::Algorithm { .. }
            | Self::NotWasm => String::new(),
            Self::Signature { subject, .. }
            | Self::Issuer { subject, .. }
            | Self::Hash { subject, .. }
            | Self::Kind { subject, .. }
            | Self::Time { subject, .. } => subject.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::TooLong { .. } | Self::Malformed { .. } | Self::Algorithm { .. } => {
                "sign the artifact again"
            }
            Self::NotWasm => "check that the file is a component",
            Self::Kind { .. } => "check that the reference names what the manifest says it is",
            Self::Signature { .. } | Self::Hash { .. } => {
                "do not run it: fetch it again from where it was signed, or sign what you built yourself"
            }
            Self::Issuer { .. } => "sign components and providers with an account key (`A...`)",
            Self::Time { .. } => "check the clock of the host, or sign the artifact again",
        };
        vec![hint.to_owned()]
    }
}
