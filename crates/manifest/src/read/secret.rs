//! Policies and secrets: their shape is checked, and then they are refused, for this version has no use for them.

use std::collections::BTreeMap;

use super::{Field, Fields, Reader, Unknown};
use crate::code::Code;
use crate::keys;
use crate::names::nearest;
use crate::yaml::excerpt;

/// The type of policies that say where secrets are (spec §9.2).
const SECRET_POLICY_TYPE: &str = "policy.secret.wasmcloud.dev/v1alpha1";

/// The policies of a manifest by name: whether secrets may use them, and if not, why.
pub(crate) type Policies = BTreeMap<String, Result<(), String>>;

/// Reads `policies`.
pub(crate) fn read_policies(spec: &Fields<'_>, reader: &mut Reader) -> Policies {
    let mut policies = Policies::new();
    let Some(list) = spec.get("policies") else {
        return policies;
    };
    for item in list.items(reader) {
        let Some(fields) = Fields::read(&item, keys::POLICY, Unknown::Tolerated, reader) else {
            continue;
        };
        let kind = fields
            .require("type", reader)
            .and_then(|field| field.text_as_written(reader));
        let mut has_backend = false;
        if let Some(properties) = fields.require("properties", reader) {
            for (key, field) in properties.pairs(reader) {
                has_backend |= key == "backend";
                field.text_as_written(reader);
            }
        }
        let Some(name) = fields.require("name", reader) else {
            continue;
        };
        let Some(name_text) = name.text_as_written(reader) else {
            continue;
        };
        let usable = match kind {
            Some(SECRET_POLICY_TYPE) if has_backend => Ok(()),
            Some(SECRET_POLICY_TYPE) => Err("has no property `backend`".to_owned()),
            _ => Err(format!("is not of type `{SECRET_POLICY_TYPE}`")),
        };
        if policies.insert(name_text.to_owned(), usable).is_some() {
            reader.report(name.error(
                Code::DuplicateName,
                format!("there are two policies named `{}`", excerpt(name_text)),
            ));
        }
    }
    policies
}

/// Checks the list `secrets` and refuses it unless it is empty.
pub(crate) fn check_secrets(fields: &Fields<'_>, policies: &Policies, reader: &mut Reader) {
    let Some(list) = fields.get("secrets") else {
        return;
    };
    let items = list.items(reader);
    if items.is_empty() {
        return;
    }
    reader.report(
        list.error(
            Code::Secrets,
            "secrets are not supported by this version of Weft",
        )
        .hint("remove the secrets, or run this application with wadm"),
    );
    for item in &items {
        check_secret(item, policies, reader);
    }
}

fn check_secret(item: &Field<'_>, policies: &Policies, reader: &mut Reader) {
    let Some(fields) = Fields::read(item, keys::SECRET, Unknown::Tolerated, reader) else {
        return;
    };
    if let Some(name) = fields.require("name", reader) {
        name.text(reader);
    }
    let Some(properties) = fields.require("properties", reader) else {
        return;
    };
    let Some(properties) = Fields::read(
        &properties,
        keys::SECRET_PROPERTIES,
        Unknown::Tolerated,
        reader,
    ) else {
        return;
    };
    for key in ["field", "version"] {
        if let Some(field) = properties.get(key) {
            field.text(reader);
        }
    }
    if let Some(key) = properties.require("key", reader) {
        key.text(reader);
    }
    let Some(policy) = properties.require("policy", reader) else {
        return;
    };
    let Some(name) = policy.text(reader) else {
        return;
    };
    match policies.get(name) {
        Some(Ok(())) => {}
        Some(Err(why)) => reader.report(policy.error(
            Code::SecretPolicy,
            format!("the policy `{}` {why}", excerpt(name)),
        )),
        None => reader.report(
            policy
                .error(
                    Code::SecretPolicy,
                    format!("there is no policy `{}`", excerpt(name)),
                )
                .hint_nearest(nearest(name, policies.keys().map(String::as_str))),
        ),
    }
}
