//! Setting the links of a record.

use std::collections::BTreeSet;

use weft_lattice::bucket::{Bucket, BucketError};
use weft_lattice::control::{Client, ControlError};
use weft_model::id::EntityId;
use weft_model::link::{Link, LinkKey};
use weft_model::problem::Problem;
use weft_protocol::state::{ComponentRecord, LatticeKey};

use crate::controller::StepOutcome;

/// Replaces all links of a record, unless it has changed meanwhile. Made without a host: each follows the bucket.
pub(super) async fn set(
    records: &Bucket,
    source: &EntityId,
    expected: Option<u64>,
    mut record: ComponentRecord,
    links: &[Link],
) -> StepOutcome {
    record.set_links(links);
    let key = LatticeKey::Component(source.clone()).to_string();
    let written = match expected {
        Some(revision) => records.update(&key, record.encode(), revision).await,
        None => records.create(&key, record.encode()).await,
    };
    match written {
        Ok(revision) => StepOutcome::Done {
            revision: Some(revision),
        },
        Err(BucketError::Conflict { .. }) => StepOutcome::Conflict,
        Err(error) => StepOutcome::Failed(Problem::new(&error)),
    }
}

/// Has hosts put and delete what is different about the links of a record. Providers on hosts of 1.9 hear of links only
/// from the host that is asked to change them (spec §3.1), and of a changed one only when it was deleted before (§5.5).
pub(super) async fn tell(
    client: &Client,
    records: &Bucket,
    source: &EntityId,
    base: &ComponentRecord,
    links: &[Link],
) -> StepOutcome {
    if let Err(error) = change(client, &base.model_links().0, links).await {
        return StepOutcome::Failed(Problem::new(&error));
    }
    let key = LatticeKey::Component(source.clone()).to_string();
    match records.get(&key).await {
        Ok(entry) => StepOutcome::Done {
            revision: entry.map(|entry| entry.revision),
        },
        Err(error) => StepOutcome::Failed(Problem::new(&error)),
    }
}

async fn change(client: &Client, present: &[Link], wanted: &[Link]) -> Result<(), ControlError> {
    // Deleting goes by the key, which several links may share.
    let keys = different(present, wanted);
    for link in present.iter().filter(|link| keys.contains(&link.key())) {
        client.delete_link(&link.key()).await?;
    }
    for link in wanted.iter().filter(|link| keys.contains(&link.key())) {
        client.put_link(link).await?;
    }
    Ok(())
}

/// The keys of links that are on one side alone.
fn different(present: &[Link], wanted: &[Link]) -> BTreeSet<LinkKey> {
    let gone = present.iter().filter(|link| !wanted.contains(link));
    let new = wanted.iter().filter(|link| !present.contains(link));
    gone.chain(new).map(Link::key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(target: &str, name: &str, config: &[&str]) -> Link {
        Link {
            source: "web".parse().unwrap(),
            target: target.parse().unwrap(),
            name: name.parse().unwrap(),
            package: "wasi:keyvalue".parse().unwrap(),
            interfaces: vec!["store".to_owned()],
            source_config: Vec::new(),
            target_config: config.iter().map(|name| name.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        let present = [
            link("a", "one", &[]),
            link("b", "two", &[]),
            link("c", "three", &[]),
        ];
        let wanted = [
            link("a", "one", &[]),
            link("b", "two", &["x"]),
            link("d", "four", &[]),
        ];
        let keys = different(&present, &wanted);
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["four", "three", "two"]);
        assert!(different(&present, &present).is_empty());
    }
}
