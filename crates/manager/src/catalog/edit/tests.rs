use weft_protocol::application::PutResult;

use super::*;
use crate::error::Error;

fn candidate(version: Option<&str>, content: &str) -> Candidate {
    Candidate {
        name: "shop".parse().unwrap(),
        version: version.map_or_else(|| format!("assigned-{content}"), str::to_owned),
        is_assigned: version.is_none(),
        digest: content.to_owned(),
        description: Some("d".repeat(2000)),
        revision: RevisionId::new(format!("r-{content}")),
    }
}

/// Puts, and gives the result with the record after it.
fn stored(
    before: Option<&ApplicationRecord>,
    version: Option<&str>,
    content: &str,
) -> (PutResult, ApplicationRecord) {
    match put(before, &candidate(version, content), 3).unwrap() {
        Put::Stored { change, result, .. } => (result, change.record.unwrap()),
        other @ Put::Unchanged { .. } => panic!("{other:?}"),
    }
}

fn versions(record: &ApplicationRecord) -> Vec<&str> {
    record
        .versions
        .iter()
        .map(|one| one.version.as_str())
        .collect()
}

#[test]
fn versions_are_kept_in_the_order_in_which_they_were_put() {
    let (result, one) = stored(None, Some("v1"), "a");
    assert_eq!(result, PutResult::Created);
    let (result, two) = stored(Some(&one), Some("v2"), "b");
    assert_eq!(result, PutResult::NewVersion);
    assert_eq!(versions(&two), ["v1", "v2"]);
    assert_eq!(two.generation, 0);
    assert_eq!(two.version(Some("latest")).unwrap().version, "v2");
    assert_eq!(two.versions[0].description.as_ref().unwrap().len(), 512);
}

#[test]
fn an_unchanged_manifest_is_no_new_version() {
    let (_, named) = stored(None, Some("v1"), "a");
    let again = put(Some(&named), &candidate(Some("v1"), "a"), 3).unwrap();
    assert_eq!(
        again,
        Put::Unchanged {
            version: "v1".to_owned(),
            total: 1
        }
    );
    let changed = put(Some(&named), &candidate(Some("v1"), "b"), 3).unwrap_err();
    assert_eq!(changed.to_string(), "Manifest version v1 already exists");
    let (_, given) = stored(None, None, "a");
    let again = put(Some(&given), &candidate(None, "a"), 3).unwrap();
    assert!(matches!(again, Put::Unchanged { version, .. } if version == "assigned-a"));
    // Going back to an earlier text is a new version, or else the one between would stay the newest.
    let (_, other) = stored(Some(&given), None, "b");
    let mut back = candidate(None, "a");
    back.version = "assigned-a2".to_owned();
    assert!(matches!(
        put(Some(&other), &back, 3),
        Ok(Put::Stored { total: 3, .. })
    ));
}

#[test]
fn versions_without_a_name_make_room() {
    let (_, record) = stored(None, None, "a");
    let (_, record) = stored(Some(&record), Some("v1"), "b");
    let (_, record) = stored(Some(&record), None, "c");
    let record = deploy(&record, Some("assigned-a"), 1).unwrap();
    let (_, record) = stored(Some(&record), Some("v2"), "d");
    assert_eq!(versions(&record), ["assigned-a", "v1", "v2"]);
    // What is deployed stays, and so does what somebody named.
    let refused = put(Some(&record), &candidate(None, "e"), 3).unwrap_err();
    assert!(matches!(
        refused,
        Error::TooManyVersions {
            versions_max: 3,
            ..
        }
    ));
    let Put::Stored { change, .. } =
        put(undeploy(&record).as_ref(), &candidate(None, "e"), 3).unwrap()
    else {
        panic!("it is new");
    };
    // It is still needed to know what it left.
    assert_eq!(change.dropped, []);
    assert_eq!(change.record.unwrap().remnants, [RevisionId::new("r-a")]);
}

#[test]
fn what_ran_is_remembered_until_it_is_gone() {
    let (_, record) = stored(None, Some("v1"), "a");
    let (_, record) = stored(Some(&record), Some("v2"), "b");
    assert_eq!(deploy(&record, Some("v9"), 5), None);
    let one = deploy(&record, Some("v1"), 5).unwrap();
    let two = deploy(&one, None, 9).unwrap();
    assert_eq!(two.deployed.as_ref().unwrap().rank, 5);
    assert_eq!((two.generation, two.remnants.len()), (2, 1));
    let one = deploy(&two, Some("v1"), 9).unwrap();
    assert_eq!(one.remnants, [RevisionId::new("r-b")]);
    let again = deploy(&one, Some("v1"), 9).unwrap();
    assert_eq!(again.generation, 4);
    assert_eq!(again.remnants, [RevisionId::new("r-b")]);
    let none = undeploy(&again).unwrap();
    assert_eq!(undeploy(&none), None);
    assert_eq!(none.remnants.len(), 2);
    let half = trim(&none, |revision| revision.as_str() == "r-a", true).unwrap();
    assert_eq!(half.dropped, []);
    let half = half.record.unwrap();
    assert_eq!(half.remnants, [RevisionId::new("r-a")]);
    assert_eq!(trim(&half, |_| true, true), None);
    assert_eq!(deploy(&none, None, 9).unwrap().deployed.unwrap().rank, 9);
}

#[test]
fn a_deleted_application_stays_until_what_it_left_is_gone() {
    let (_, record) = stored(None, Some("v1"), "a");
    let unused = delete(&record, None).unwrap();
    assert_eq!(
        (&unused.change.record, unused.is_undeployed),
        (&None, false)
    );
    assert_eq!(unused.change.dropped, [RevisionId::new("r-a")]);
    let deployed = deploy(&record, None, 1).unwrap();
    assert_eq!(delete(&deployed, Some("v9")), None);
    for version in [None, Some("v1"), Some("latest")] {
        let deleted = delete(&deployed, version).unwrap();
        assert!(deleted.is_undeployed);
        assert_eq!(deleted.change.dropped, []);
        let record = deleted.change.record.unwrap();
        assert!(record.is_deleted && record.versions.is_empty());
        assert_eq!(record.remnants, [RevisionId::new("r-a")]);
        assert_eq!(delete(&record, None), None);
        // Until then it can come back, as a new one.
        let (result, back) = stored(Some(&record), Some("v1"), "b");
        assert_eq!(result, PutResult::Created);
        assert!(!back.is_deleted && back.remnants.len() == 1);
        assert_eq!(trim(&record, |_| true, true), None);
        let held = trim(&record, |_| false, false).unwrap();
        assert!(held.record.unwrap().is_deleted);
        let gone = trim(&record, |_| false, true).unwrap();
        assert_eq!((gone.record, gone.dropped.len()), (None, 1));
    }
}

#[test]
fn deleting_another_version_changes_nothing_that_runs() {
    let (_, record) = stored(None, Some("v1"), "a");
    let (_, record) = stored(Some(&record), Some("v2"), "b");
    let record = deploy(&record, Some("v2"), 1).unwrap();
    let deleted = delete(&record, Some("v1")).unwrap();
    assert!(!deleted.is_undeployed);
    assert_eq!(deleted.change.dropped, [RevisionId::new("r-a")]);
    let after = deleted.change.record.unwrap();
    assert_eq!(after.generation, record.generation);
    assert_eq!(after.deployed, record.deployed);
}
