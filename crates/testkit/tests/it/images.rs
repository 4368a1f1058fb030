//! Images that cannot run: their application says why, and nobody else notices.

use weft_lattice::protocol::application::{Status, StatusType};
use weft_testkit::{BrokerKind, Component, Manifest, Scaler, Site, free_address, guest, http};

#[tokio::test]
async fn images_that_cannot_run_are_told_and_harm_nobody() {
    let Some((site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let neighbour = free_address();
    let good = Manifest::http("good", &guest::path("hello-http"), neighbour);
    site.bring_up(&good).await;

    let bytes = guest::bytes("hello-http");
    let truncated = site.file("truncated.wasm", &bytes[..bytes.len() / 2]);
    let text = site.file("text.wasm", b"hello, I am no component");
    let empty = site.file("empty.wasm", b"");
    let module = site.file("module.wasm", guest::core_module());
    let missing = site.directory().join("missing.wasm");
    for (path, code) in [
        (&missing, "ART001"),
        (&truncated, "CMP004"),
        (&text, "CMP002"),
        (&empty, "CMP002"),
        (&module, "CMP003"),
    ] {
        let status = fails(&site, Component::new("web", path)).await;
        assert_eq!(status.weft_problems[0].code, code, "{path:?}: {status:?}");
        http::get(neighbour, "/").await.unwrap().text();
    }

    // Built anew between put and start: not what was deployed.
    let changed = site.file("changed.wasm", &guest::with_section(bytes.clone(), "one"));
    let component = Component::new("web", &changed);
    site.file("changed.wasm", &guest::with_section(bytes, "other"));
    let status = fails(&site, component).await;
    assert_eq!(status.weft_problems[0].code, "ART005", "{status:?}");

    let latest = Component::of_image("web", "ghcr.io/acme/web:latest");
    let status = fails(&site, latest).await;
    assert_eq!(status.weft_problems[0].code, "ART010", "{status:?}");

    http::get(neighbour, "/").await.unwrap().text();
    site.undeploy("bad").await;
    site.runs(&node.host(), &["good-http", "good-web"]).await;

    // What was wrong is put right under the same name.
    let address = free_address();
    let mended = Manifest::http("bad", &guest::path("hello-http"), address);
    site.bring_up(&mended).await;
    http::get(address, "/").await.unwrap().text();
}

#[tokio::test]
async fn an_import_without_a_link_is_told_with_the_lines_to_add() {
    let Some((site, _node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let manifest = Manifest::http("bad", &guest::path("needs-unknown"), address);
    site.deploy(&manifest).await;
    let status = site
        .status_when("bad", |status| !status.weft_problems.is_empty())
        .await;
    let problem = &status.weft_problems[0];
    let told = format!("{} {}", problem.message, problem.hints.join(" "));
    for word in ["acme", "missing", "thing", "type: link"] {
        assert!(told.contains(word), "`{word}` is not in {status:#?}");
    }
}

/// Deploys an application `bad` of the one component, and waits until it is said to have failed for this version.
async fn fails(site: &Site, component: Component) -> Status {
    let manifest = Manifest::new("bad").with(component.scaler(&Scaler::Spread(1, None)));
    let version = site.deploy(&manifest).await;
    let status = site
        .status_when("bad", |status| {
            status.version == version
                && status.info.kind == StatusType::Failed
                && !status.weft_problems.is_empty()
        })
        .await;
    assert!(!status.info.message.is_empty(), "{status:?}");
    status
}
