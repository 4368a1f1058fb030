//! What a process is given on its standard input (spec §§5.1, 5.2).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ulid::Ulid;
use weft_model::id::{HostId, LatticeName, LinkName, ProviderId};
use weft_protocol::event::render_event_id;
use weft_protocol::json;
use weft_protocol::provider::{HostData, LinkDefinition};

use super::brief::{Brief, BriefedLink, Secrets};
use super::keys::{HostKeys, ProcessKeys};
use super::options::Options;
use crate::error::Refusal;

/// Who starts which provider, and with what settings.
pub(super) struct Origin {
    pub(super) host: HostId,
    pub(super) lattice: LatticeName,
    pub(super) provider: ProviderId,
    pub(super) keys: Arc<HostKeys>,
    pub(super) options: Arc<Options>,
}

// ===== impl Origin =====

impl Origin {
    /// The host data of a process that has `keys` and is to know `brief`.
    pub(super) fn host_data(&self, brief: &Brief, keys: &ProcessKeys) -> Result<HostData, Refusal> {
        let options = &self.options;
        let user = options.user.as_ref();
        let links = brief.links.iter().map(|link| self.sealed(link, keys));
        Ok(HostData {
            host_id: self.host.to_string(),
            lattice_rpc_prefix: self.lattice.to_string(),
            link_name: LinkName::default().to_string(),
            lattice_rpc_user_jwt: user.map(|user| user.jwt.clone()).unwrap_or_default(),
            lattice_rpc_user_seed: user.map(|user| user.seed.clone()).unwrap_or_default(),
            lattice_rpc_url: options.rpc_url.clone(),
            provider_key: self.provider.to_string(),
            env_values: Default::default(),
            instance_id: render_event_id(Ulid::generate().into()),
            link_definitions: links.collect::<Result<_, _>>()?,
            cluster_issuers: Vec::new(),
            config: brief.config.clone(),
            // Starts that name secrets are refused, as there is no backend to fetch them from.
            secrets: Secrets::new(),
            host_xkey_public_key: self.keys.public(),
            provider_xkey_private_key: keys.seed()?,
            default_rpc_timeout_ms: u64::try_from(options.rpc_timeout.as_millis()).ok(),
            structured_logging: options.logs_json,
            log_level: Some(options.log_level.clone()),
            otel_config: options.otel.clone(),
        })
    }

    /// A link as the process that has `keys` alone can read it.
    pub(super) fn sealed(
        &self,
        link: &BriefedLink,
        keys: &ProcessKeys,
    ) -> Result<LinkDefinition, Refusal> {
        let seal = |secrets| self.keys.seal(secrets, keys);
        Ok(LinkDefinition {
            source_secrets: seal(&link.source_secrets)?,
            target_secrets: seal(&link.target_secrets)?,
            ..link.definition.clone()
        })
    }
}

/// The line by which a process is given its host data.
pub(super) fn line(data: &HostData) -> String {
    let mut line = STANDARD.encode(json::encode(data));
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use serde_json::Value;

    use super::*;

    fn link() -> BriefedLink {
        BriefedLink::new(LinkDefinition {
            source_id: "caps".to_owned(),
            target: "dump".to_owned(),
            name: "default".to_owned(),
            wit_namespace: "demo".to_owned(),
            wit_package: "thing".to_owned(),
            interfaces: vec!["a".to_owned()],
            source_config: BTreeMap::from([("text".to_owned(), "hi".to_owned())]),
            target_config: BTreeMap::from([("root".to_owned(), "/data".to_owned())]),
            source_secrets: None,
            target_secrets: None,
        })
    }

    fn line_of(brief: &Brief) -> String {
        let origin = Origin {
            host: format!("N{}", "A".repeat(55)).parse().unwrap(),
            lattice: LatticeName::default(),
            provider: "dump".parse().unwrap(),
            keys: Arc::new(HostKeys::generate()),
            options: Arc::new(Options::new("nats://127.0.0.1:4222".to_owned())),
        };
        let keys = ProcessKeys::generate().unwrap();
        line(&origin.host_data(brief, &keys).unwrap())
    }

    /// The names of all fields and the kinds of their values; elements of maps and lists aside.
    fn shape(value: &Value, path: &str, shapes: &mut BTreeMap<String, &'static str>) {
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        shapes.insert(path.to_owned(), kind);
        if path.ends_with("config") && path != "/otel_config" {
            return;
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    shape(value, &format!("{path}/{name}"), shapes);
                }
            }
            Value::Array(values) => {
                for value in values.iter().take(1) {
                    shape(value, &format!("{path}[]"), shapes);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn host_data_has_the_shape_of_that_of_a_1_9_host() {
        let directory = std::env::var_os("WEFT_VECTORS").map_or_else(
            || {
                PathBuf::from(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../../../shared/vectors"
                ))
            },
            PathBuf::from,
        );
        let Ok(text) = std::fs::read_to_string(directory.join("hostdata-1.9.2.json")) else {
            return;
        };
        let recorded: Vec<Value> = serde_json::from_str(&text).unwrap();
        // The third start had a link.
        let theirs = &recorded[2];
        let brief = Brief {
            config: BTreeMap::from([("root".to_owned(), "/data".to_owned())]),
            links: vec![link()],
        };
        let line = line_of(&brief);
        let ours = STANDARD.decode(line.strip_suffix("\r\n").unwrap()).unwrap();
        let ours: Value = serde_json::from_slice(&ours).unwrap();
        let [mut expected, mut found] = [BTreeMap::new(), BTreeMap::new()];
        shape(theirs, "", &mut expected);
        shape(&ours, "", &mut found);
        assert_eq!(found, expected);
        // What is the same for all hosts.
        for field in [
            "link_name",
            "env_values",
            "cluster_issuers",
            "secrets",
            "otel_config",
        ] {
            assert_eq!(ours[field], theirs[field], "{field}");
        }
        let length = |value: &Value, field: &str| value[field].as_str().unwrap().len();
        for field in [
            "instance_id",
            "host_xkey_public_key",
            "provider_xkey_private_key",
        ] {
            assert_eq!(length(&ours, field), length(theirs, field), "{field}");
        }
    }
}
