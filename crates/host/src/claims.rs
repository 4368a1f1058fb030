//! What the signers of components and providers say of them: how events tell it, and where the lattice keeps it.

use std::convert::Infallible;

use weft_artifact::claims::{About, Claims};
use weft_lattice::bucket::Update;
use weft_protocol::event::{ComponentClaims, ProviderClaims};
use weft_protocol::state::{ClaimsKind, ClaimsRecord, LatticeKey};
use weft_runtime::field;

use crate::core::Core;

/// What stands for a time that never comes in what events tell of claims (spec §2).
const NEVER: &str = "never";

/// Claims of a component as events tell them.
pub(crate) fn component_event(claims: &Claims) -> ComponentClaims {
    let component = claims.component();
    ComponentClaims {
        call_alias: component.and_then(|component| component.call_alias.clone()),
        issuer: claims.issuer.clone(),
        tags: component.and_then(|component| component.tags.clone()),
        name: claims.name().map(str::to_owned),
        version: claims.version().map(str::to_owned),
        revision: claims.revision(),
        not_before_human: time(claims.not_before),
        expires_human: time(claims.expires_at),
    }
}

/// Claims of a provider as events tell them.
pub(crate) fn provider_event(claims: &Claims) -> ProviderClaims {
    ProviderClaims {
        issuer: claims.issuer.clone(),
        tags: None,
        name: claims.name().map(str::to_owned),
        version: claims.version().map(str::to_owned),
        not_before_human: time(claims.not_before),
        expires_human: time(claims.expires_at),
    }
}

/// Keeps claims in the bucket of the lattice, by their subject (spec §3.1). What runs does not depend on it: a failure is
/// logged.
pub(crate) async fn keep(core: &Core, claims: &Claims) {
    let Some(record) = record(claims) else {
        return;
    };
    let key = LatticeKey::Claims(claims.subject.clone()).to_string();
    let written = core
        .records
        .retry_update(&key, |entry| {
            let is_known = entry
                .and_then(|entry| ClaimsRecord::decode(&entry.value).ok())
                .is_some_and(|known| known == record);
            Ok::<_, Infallible>(if is_known {
                Update::Keep
            } else {
                Update::Put(record.encode().into())
            })
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(
            { field::KEY } = key,
            { field::ERROR } = weft_model::problem::render_chain(&error),
            "Cannot keep claims in the state of the lattice"
        );
    }
}

/// Claims as the lattice keeps them; `None` for those of neither a component nor a provider.
fn record(claims: &Claims) -> Option<ClaimsRecord> {
    let kind = match &claims.about {
        About::Component(component) => ClaimsKind::Component {
            call_alias: component.call_alias.clone().unwrap_or_default(),
            tags: component.tags.clone().unwrap_or_default(),
        },
        About::Provider(provider) => ClaimsKind::Provider {
            config_schema: provider.config_schema.as_ref().map(ToString::to_string),
        },
        _ => return None,
    };
    Some(ClaimsRecord {
        issuer: claims.issuer.clone(),
        name: claims.name().unwrap_or_default().to_owned(),
        revision: claims.revision().unwrap_or_default().to_string(),
        subject: claims.subject.clone(),
        version: claims.version().unwrap_or_default().to_owned(),
        kind,
        ..ClaimsRecord::default()
    })
}

fn time(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| NEVER.to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use weft_artifact::claims::ProviderClaims as Provider;

    use super::*;

    #[test]
    fn claims_are_kept_and_told_as_1_9_does() {
        let about = About::Provider(Provider {
            name: Some("blobstore-fs".to_owned()),
            ..Provider::default()
        });
        let claims = Claims {
            id: "1".to_owned(),
            issued_at: 0,
            issuer: "A".to_owned(),
            subject: "V".to_owned(),
            expires_at: Some(9),
            not_before: None,
            form: None,
            about,
        };
        // As it was recorded.
        assert_eq!(
            String::from_utf8(record(&claims).unwrap().encode()).unwrap(),
            r#"{"issuer":"A","name":"blobstore-fs","revision":"0","subject":"V","version":""}"#
        );
        let told = provider_event(&claims);
        assert_eq!((told.version, told.tags), (None, None));
        assert_eq!(told.expires_human, "9");
        assert_eq!(told.not_before_human, "never");
    }
}
