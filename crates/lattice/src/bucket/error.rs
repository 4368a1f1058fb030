//! Why a bucket did not do what it was asked.

use std::error::Error;

use weft_model::problem::Coded;

use super::key::KEY_BYTES_MAX;
use crate::request::RequestError;

/// Why a request to a bucket did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// The request was not answered. A write may have happened all the same.
    #[error("bucket `{bucket}` does not answer")]
    Request {
        /// The bucket.
        bucket: String,
        /// Why not.
        source: RequestError,
    },
    /// The revision of the key is not the expected one: somebody else wrote it.
    #[error(
        "`{key}` in bucket `{bucket}` was changed by somebody else, revision {expected} was expected"
    )]
    Conflict {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The revision that was expected; zero means that the key was expected not to be.
        expected: u64,
    },
    /// There is no such bucket (any more).
    #[error("bucket `{bucket}` does not exist")]
    Missing {
        /// The bucket.
        bucket: String,
    },
    /// The server has no JetStream, or not for this account or domain.
    #[error("JetStream is not available for bucket `{bucket}`")]
    NoJetstream {
        /// The bucket.
        bucket: String,
    },
    /// The server refuses.
    #[error("the server refuses a request to bucket `{bucket}`: {description} ({code})")]
    Refused {
        /// The bucket.
        bucket: String,
        /// JetStream's number of the error.
        code: u64,
        /// What the server says.
        description: String,
    },
    /// The answer of the server is not understood.
    #[error("the answer of bucket `{bucket}` is not understood")]
    Answer {
        /// The bucket.
        bucket: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The listing of a bucket was interrupted.
    #[error("listing bucket `{bucket}` was interrupted: {reason}")]
    Interrupted {
        /// The bucket.
        bucket: String,
        /// By what.
        reason: &'static str,
    },
    /// The bucket has more keys than are read.
    #[error("bucket `{bucket}` has more than {keys_max} keys")]
    TooManyKeys {
        /// The bucket.
        bucket: String,
        /// How many are read.
        keys_max: usize,
    },
    /// A value is larger than is written or read.
    #[error(
        "the value of `{key}` in bucket `{bucket}` has {bytes} bytes, at most {bytes_max} are allowed"
    )]
    Value {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// The size of the value.
        bytes: usize,
        /// The largest size.
        bytes_max: usize,
    },
    /// The text is no key.
    #[error(
        "`{key}` is not a key: letters, digits and `-_=/`, parts joined by dots, at most {KEY_BYTES_MAX} bytes"
    )]
    Key {
        /// The text, shortened.
        key: String,
    },
    /// The text is no name of a bucket.
    #[error(
        "`{bucket}` is not a name of a bucket: letters, digits, `-` and `_`, at most {KEY_BYTES_MAX} bytes"
    )]
    Name {
        /// The text, shortened.
        bucket: String,
    },
}

/// Why [`Bucket::retry_update`](super::Bucket::retry_update) did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError<E: Error + 'static> {
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The caller refused the change.
    #[error(transparent)]
    Update(E),
    /// Others changed the key again and again.
    #[error("`{key}` in bucket `{bucket}` was changed by others {attempts} times in a row")]
    Contended {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
}

// ===== impl BucketError =====

impl Coded for BucketError {
    fn code(&self) -> &'static str {
        match self {
            Self::Request { source, .. } => source.code(),
            Self::Conflict { .. } => "LAT010",
            Self::Missing { .. } => "LAT011",
            Self::NoJetstream { .. } => "LAT012",
            Self::Refused { .. } => "LAT013",
            Self::Answer { .. } | Self::Interrupted { .. } => "LAT014",
            Self::TooManyKeys { .. } | Self::Value { .. } => "LAT015",
            Self::Key { .. } | Self::Name { .. } => "LAT016",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Request { bucket, .. }
            | Self::Missing { bucket }
            | Self::NoJetstream { bucket }
            | Self::Refused { bucket, .. }
            | Self::Answer { bucket, .. }
            | Self::Interrupted { bucket, .. }
            | Self::TooManyKeys { bucket, .. }
            | Self::Name { bucket } => bucket.clone(),
            Self::Conflict { bucket, key, .. } | Self::Value { bucket, key, .. } => {
                format!("{bucket}/{key}")
            }
            Self::Key { key } => key.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Request { source, .. } => return source.hints(),
            Self::Conflict { .. } => "read the entry again and repeat the change",
            Self::NoJetstream { .. } => {
                "start the NATS server with `-js`, or name the JetStream domain"
            }
            Self::Interrupted { .. } => "ask again",
            Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Answer { .. }
            | Self::TooManyKeys { .. }
            | Self::Value { .. }
            | Self::Key { .. }
            | Self::Name { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

// ===== impl RetryError =====

impl<E: Coded + 'static> Coded for RetryError<E> {
    fn code(&self) -> &'static str {
        match self {
            Self::Bucket(error) => error.code(),
            Self::Update(error) => error.code(),
            Self::Contended { .. } => "LAT017",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Bucket(error) => error.subject(),
            Self::Update(error) => error.subject(),
            Self::Contended { bucket, key, .. } => format!("{bucket}/{key}"),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Bucket(error) => error.hints(),
            Self::Update(error) => error.hints(),
            Self::Contended { .. } => vec!["ask again later".to_owned()],
        }
    }
}
