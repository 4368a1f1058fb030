//! What the host tells on the standard input (spec §5.1, §5.2).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};
use weft_model::id::{EntityId, LatticeName};
use weft_protocol::json;
pub use weft_protocol::provider::HostData;

use crate::error::HostDataError;
use crate::secrets::Keys;

/// Standard base64, with or without padding at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Host data, with what subjects and keys are made of checked.
pub(crate) struct Setup {
    pub(crate) lattice: LatticeName,
    pub(crate) provider: EntityId,
    /// The public curve key, as a receiver of messages.
    pub(crate) receiver: Option<EntityId>,
    pub(crate) keys: Option<Keys>,
    pub(crate) data: HostData,
}

/// Reads one line of host data. What follows the line is not read: hosts of 1.9 close the input after it, others may not.
///
/// # Errors
///
/// [`HostDataError`], also when the line is longer than `bytes_max`.
pub async fn read_host_data<R: AsyncBufRead + Unpin>(
    input: R,
    bytes_max: usize,
) -> Result<HostData, HostDataError> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    // One byte more tells a line that is too long.
    let mut input = input.take(limit.saturating_add(1));
    input
        .read_until(b'\n', &mut line)
        .await
        .map_err(HostDataError::Read)?;
    if line.len() > bytes_max {
        return Err(HostDataError::TooLong { bytes_max });
    }
    let line = line.trim_ascii();
    if line.is_empty() {
        return Err(HostDataError::Missing);
    }
    let text = BASE64.decode(line).map_err(HostDataError::Base64)?;
    Ok(json::decode(&text)?)
}

// ===== impl Setup =====

impl Setup {
    pub(crate) fn new(data: HostData) -> Result<Self, HostDataError> {
        let id = |field| move |source| HostDataError::Id { field, source };
        let keys = Keys::of(&data)?;
        let receiver = match &keys {
            Some(keys) => Some(
                keys.public()
                    .parse()
                    .map_err(id("provider_xkey_private_key"))?,
            ),
            None => None,
        };
        Ok(Self {
            lattice: data
                .lattice_rpc_prefix
                .parse()
                .map_err(id("lattice_rpc_prefix"))?,
            provider: data.provider_key.parse().map_err(id("provider_key"))?,
            receiver,
            keys,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"{"host_id":"N","lattice_rpc_prefix":"a","link_name":"default","lattice_rpc_url":"","provider_key":"p",
        "env_values":{},"instance_id":"","link_definitions":[]}"#;

    async fn read(line: &str) -> Result<HostData, HostDataError> {
        read_host_data(line.as_bytes(), 400).await
    }

    #[tokio::test]
    async fn a_line_is_read_with_any_end_and_nothing_behind_it() {
        let line = BASE64.encode(LEAST);
        let bare = line.trim_end_matches('=');
        for input in [
            format!("{line}\r\n"),
            format!(" {line}\nmore"),
            bare.to_owned(),
        ] {
            let data = read(&input).await.unwrap();
            assert_eq!(data.provider_key, "p");
            let setup = Setup::new(data).unwrap();
            assert!(setup.keys.is_none() && setup.receiver.is_none());
        }
    }

    #[tokio::test]
    async fn what_is_no_host_data_is_an_error() {
        for input in ["", "\r\n", "  \n"] {
            assert!(matches!(read(input).await, Err(HostDataError::Missing)));
        }
        let long = "A".repeat(401);
        let error = read(&long).await.unwrap_err();
        assert!(matches!(error, HostDataError::TooLong { bytes_max: 400 }));
        let error = read("{}\n").await.unwrap_err();
        assert!(matches!(error, HostDataError::Base64(_)));
        let error = read(&BASE64.encode("{}")).await.unwrap_err();
        assert!(matches!(error, HostDataError::Form(_)));
    }

    #[test]
    fn ids_and_keys_are_checked() {
        let data: HostData = json::decode(LEAST.as_bytes()).unwrap();
        let check = |change: fn(&mut HostData), expected: &str| {
            let mut data = data.clone();
            change(&mut data);
            let error = Setup::new(data).err().unwrap();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(|data| data.provider_key = "a.*".to_owned(), "provider_key");
        check(
            |data| data.lattice_rpc_prefix = String::new(),
            "lattice_rpc_prefix",
        );
        let seed = |data: &mut HostData| data.provider_xkey_private_key = "SX".to_owned();
        check(seed, "provider_xkey_private_key");
    }
}
