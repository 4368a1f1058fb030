//! OCI registries: pulling and pushing (spec §6.1, §6.2).
//!
//! A thin client of the distribution protocol: every size is bounded before anything is read, blobs go to disk in
//! pieces and resume, credentials are sent only to whom they are for, and what fails in passing is tried again.

mod auth;
mod body;
mod cause;
mod client;
mod credentials;
mod docker;
mod download;
mod error;
mod image;
mod manifest;
mod options;
mod push;
mod refusal;
mod retry;
mod session;
mod tls;
mod transport;

pub use cause::{Answered, ConnectError, CredentialsError, Unsuitable};
pub(crate) use client::Client;
pub use credentials::{Credential, Secret, Tried};
pub(crate) use download::{Wanted, disk};
pub use error::RegistryError;
pub use image::{Image, ParseImageError};
pub(crate) use manifest::{Kind, Layer, Manifest};
pub use options::Options;
pub use push::{PushOptions, Pushed};
