//! Capability families as guests use them.

use std::collections::BTreeMap;

use http::StatusCode;
use weft_engine::route::RouteTable;

use crate::client::get;
use crate::site::{Site, no_limits};

#[tokio::test]
async fn a_component_reads_its_config_as_it_is_now() {
    let mut site = Site::start();
    site.run("configured", 10, no_limits()).await;
    let address = site.address("configured");
    let set = |value: &str| {
        site.config("configured")
            .set(BTreeMap::from([("greeting".to_owned(), value.to_owned())]));
    };
    set("hi");
    assert!(
        get(address, "/get?key=greeting")
            .await
            .text()
            .contains("hi")
    );
    assert!(
        get(address, "/runtime/get?key=greeting")
            .await
            .text()
            .contains("hi")
    );
    set("changed");
    assert!(get(address, "/").await.text().contains("changed"));
    assert!(get(address, "/runtime").await.text().contains("changed"));
    let missing = get(address, "/get?key=none").await;
    assert!(!missing.text().contains("changed"), "{}", missing.text());
}

#[tokio::test]
async fn key_value_operations_do_what_they_say() {
    let mut site = Site::start();
    site.run("kinds-caller", 10, no_limits()).await;
    site.run("kv-user", 10, no_limits()).await;
    let answer = get(site.address("kinds-caller"), "/kv").await;
    assert_eq!(
        answer.text(),
        "Ok(1) Ok(()) Ok(Some([118, 49])) Ok(true) Ok(2) Ok(()) Ok(None)"
    );
    let address = site.address("kv-user");
    let ask = async |path: &str| {
        let answer = get(address, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.text().to_owned()
    };
    ask("/set?key=a&value=1").await;
    ask("/set?key=b&value=2").await;
    assert!(ask("/get?key=a").await.contains('1'));
    assert!(ask("/keys").await.contains('b'));
    ask("/delete?key=a").await;
    assert!(!ask("/keys").await.contains('a'));
}

#[tokio::test]
async fn a_bucket_opens_without_a_link_and_its_operations_say_what_is_missing() {
    let mut site = Site::start();
    let program = site.run("kv-user", 10, no_limits()).await;
    program.set_routes(RouteTable::default());
    let answer = get(site.address("kv-user"), "/get?key=a").await;
    let text = answer.text();
    assert!(
        text.starts_with("Err(") && text.contains("no link lets"),
        "{text}"
    );
}

#[tokio::test]
async fn output_of_a_component_goes_to_the_log_and_not_to_the_caller() {
    let mut site = Site::start();
    site.run("noisy", 10, no_limits()).await;
    let answer = get(site.address("noisy"), "/").await;
    assert_eq!(answer.text(), "said");
    // A line without end and more lines than pass are no reason to fail.
    assert_eq!(
        get(site.address("noisy"), "/long?n=100000").await.status,
        StatusCode::OK
    );
    assert_eq!(
        get(site.address("noisy"), "/lines?n=5000").await.status,
        StatusCode::OK
    );
}
