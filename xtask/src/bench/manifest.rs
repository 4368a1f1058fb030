//! The application that is measured: one component behind HTTP.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Its name.
pub(super) const APPLICATION: &str = "bench";

/// Writes a manifest that answers at `address` with `component`, and returns its path.
pub(super) fn write(directory: &Path, component: &Path, address: SocketAddr) -> Result<PathBuf> {
    let path = directory.join("bench.yaml");
    fs::write(&path, text(component, address))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn text(component: &Path, address: SocketAddr) -> String {
    // Enough instances that none of the open connections is refused.
    format!(
        "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: {APPLICATION}
  annotations: {{}}
spec:
  components:
    - name: hello
      type: component
      properties:
        image: file://{component}
      traits:
        - type: spreadscaler
          properties:
            instances: 500
    - name: http
      type: capability
      properties:
        image: ghcr.io/wasmcloud/http-server:0.28.0
      traits:
        - type: link
          properties:
            target:
              name: hello
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            source:
              config:
                - name: address
                  properties:
                    address: {address}
",
        component = component.display(),
    )
}
