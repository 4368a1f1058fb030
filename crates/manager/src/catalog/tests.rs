use super::edit::{Candidate, Put};
use super::*;

fn put_entry(catalog: &mut Catalog, key: &str, value: Vec<u8>, revision: u64) -> News {
    catalog.apply(Change::Put(Entry {
        key: key.to_owned(),
        value: value.into(),
        revision,
    }))
}

fn record(name: &str, revision: &str) -> ApplicationRecord {
    let candidate = Candidate {
        name: name.parse().unwrap(),
        version: "v1".to_owned(),
        is_assigned: false,
        digest: String::new(),
        description: None,
        revision: RevisionId::new(revision),
    };
    match edit::put(None, &candidate, 9).unwrap() {
        Put::Stored { change, .. } => change.record.unwrap(),
        other @ Put::Unchanged { .. } => panic!("{other:?}"),
    }
}

#[test]
fn the_catalog_follows_its_bucket() {
    let mut catalog = Catalog::default();
    let shop = record("shop", "1");
    assert_eq!(
        put_entry(&mut catalog, "rev.shop.1", b"{}".to_vec(), 1),
        News::Nothing
    );
    assert_eq!(
        put_entry(&mut catalog, "app.shop", shop.encode(), 2),
        News::Application(Some(shop.name.clone()))
    );
    assert!(!catalog.is_listed());
    catalog.apply(Change::Listed { revision: 2 });
    assert!(catalog.is_listed());
    assert_eq!(catalog.application(&shop.name).unwrap().revision, 2);
    assert!(catalog.recent(&shop.name, &RevisionId::new("1")).is_some());
    assert!(catalog.recent(&shop.name, &RevisionId::new("2")).is_none());
    let status = StatusRecord::new(shop.name.clone(), 0, Default::default());
    assert_eq!(
        put_entry(&mut catalog, "status.shop", status.encode(), 3),
        News::Status
    );
    assert!(catalog.unreferenced().is_empty());
    let deleted = Change::Deleted {
        key: "app.shop".to_owned(),
        revision: 4,
    };
    assert_eq!(catalog.apply(deleted), News::Application(Some(shop.name)));
    let orphans: Vec<&str> = catalog.unreferenced().into_iter().collect();
    assert_eq!(orphans, ["rev.shop.1", "status.shop"]);
}

#[test]
fn an_application_that_cannot_be_read_is_no_application_that_is_not_there() {
    let mut catalog = Catalog::default();
    catalog.apply(Change::Listed { revision: 0 });
    let shop = record("shop", "1");
    put_entry(&mut catalog, "rev.shop.1", Vec::new(), 1);
    put_entry(&mut catalog, "app.shop", shop.encode(), 2);
    put_entry(&mut catalog, "app.shop", b"not json".to_vec(), 3);
    assert_eq!(catalog.applications().count(), 0);
    assert_eq!(catalog.unreadable().len(), 1);
    // What it has is not taken for an orphan.
    assert!(catalog.unreferenced().is_empty());
    put_entry(&mut catalog, "app.shop", shop.encode(), 4);
    assert!(catalog.unreadable().is_empty());
}

#[test]
fn revisions_that_came_by_are_forgotten_in_time() {
    let mut catalog = Catalog::default();
    let name = "shop".parse().unwrap();
    for number in 0..RECENT_MAX as u64 + 1 {
        let key = format!("rev.shop.{number}");
        put_entry(&mut catalog, &key, Vec::new(), number + 1);
    }
    assert!(catalog.recent(&name, &RevisionId::new("0")).is_none());
    assert!(catalog.recent(&name, &RevisionId::new("1")).is_some());
    put_entry(&mut catalog, "rev.shop.x", vec![0; RECENT_BYTES_MAX], 99);
    assert!(catalog.recent(&name, &RevisionId::new("1")).is_none());
    assert!(catalog.recent(&name, &RevisionId::new("x")).is_some());
}
