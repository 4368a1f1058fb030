//! Configurations of streams and consumers: read strictly, filled with defaults, checked.

mod consumer;
mod source;
mod stream;
mod strict;
#[cfg(test)]
mod tests;

use crate::jetstream::ApiError;

pub(crate) use consumer::{AckPolicy, ConsumerConfig, DeliverPolicy};
pub(crate) use source::{SourceConfig, TransformConfig};
pub(crate) use stream::{Discard, Retention, Storage, StreamConfig};
pub(crate) use strict::{parse, parse_object};

/// What to say of an option of the reference server that is not offered here.
fn unsupported(what: &str) -> String {
    format!(
        "{what} is not supported by the embedded server; nats-server offers it, \
         and `weft lattice copy` takes a lattice there"
    )
}

/// Refuses options that only a later or larger server knows.
fn refuse_stream_option(option: &str) -> ApiError {
    ApiError::stream_invalid_config(unsupported(&format!("stream option \"{option}\"")))
}

fn refuse_consumer_option(option: &str) -> ApiError {
    ApiError::consumer_create_failed(unsupported(&format!("consumer option \"{option}\"")))
}
