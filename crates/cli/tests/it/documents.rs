//! Manifests in documents are valid.

use std::fs;
use std::path::Path;

use weft_cli::Status;

use crate::weft::Weft;

/// The blocks of YAML in a document.
fn manifests(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = fs::read_to_string(path.join(document)).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn manifests_in_documents_are_valid() {
    let weft = Weft::new();
    weft.write("web.wasm", "wasm");
    weft.write("build/web.wasm", "wasm");
    for document in ["deploy-an-application.md", "manifest.md"] {
        let manifests = manifests(document);
        assert_eq!(manifests.len(), 1, "{document}");
        weft.write("shop.yaml", &manifests[0]);
        let ran = weft.run("app validate shop.yaml --strict").await;
        assert_eq!(ran.status, Status::Ok, "{document}: {ran:?}");
    }
}
