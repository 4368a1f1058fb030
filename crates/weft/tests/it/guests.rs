//! Components and applications of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::home::Home;
use crate::http::free_port;

/// What the page of the guest book says, and what it says after a change to the manifest.
pub(crate) const GREETING: &str = "Welcome, ";
pub(crate) const SECOND_GREETING: &str = "Nice to see you, ";

/// The guest book in a home directory, on ports of its own.
pub(crate) struct GuestBook {
    pub(crate) manifest: String,
    /// Where the page is.
    pub(crate) port: u16,
    /// Where the component is that streams.
    pub(crate) stream_port: u16,
}

/// The bytes of a guest.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let directory: PathBuf = match std::env::var_os("WEFT_GUESTS") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/components"),
    };
    let path = directory.join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; build the guests with `cargo xtask guests`",
            path.display()
        )
    })
}

// ===== impl GuestBook =====

impl GuestBook {
    /// Copies the example: its manifest as it is but for the ports, and its components.
    pub(crate) fn copy_to(home: &Home) -> Self {
        for name in ["web", "greeter", "stream"] {
            let bytes = guest(&format!("guestbook-{name}"));
            home.write(&format!("build/{name}.wasm"), bytes);
        }
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/guestbook");
        let text = fs::read_to_string(example.join("weft.yaml")).unwrap();
        let (port, stream_port) = (free_port(), free_port());
        let text = text
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:8081", &format!("127.0.0.1:{stream_port}"));
        Self {
            manifest: home.write("guestbook.yaml", text),
            port,
            stream_port,
        }
    }

    /// Names the embedded store in the manifest, instead of a backend that it stands in for on one machine.
    pub(crate) fn name_the_store(&self) {
        let text = fs::read_to_string(&self.manifest).unwrap();
        let image = "ghcr.io/wasmcloud/keyvalue-redis:0.30.0";
        assert!(text.contains(image), "{text}");
        let named = text.replace(image, "wasmcloud+builtin://keyvalue-embedded");
        fs::write(&self.manifest, named).unwrap();
    }

    /// Changes the greeting in the manifest.
    pub(crate) fn change_greeting(&self) {
        let text = fs::read_to_string(&self.manifest).unwrap();
        assert!(text.contains(GREETING), "{text}");
        fs::write(&self.manifest, text.replace(GREETING, SECOND_GREETING)).unwrap();
    }
}

/// The manifest of an application of one component, which the HTTP server calls at `port`; at the shared address without.
pub(crate) fn site(name: &str, image: &str, port: Option<u16>) -> String {
    let config = match port {
        Some(port) => format!(
            "
            source:
              config:
                - name: {name}-address
                  properties:
                    address: 127.0.0.1:{port}"
        ),
        None => String::new(),
    };
    format!(
        "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: {name}
  annotations:
    description: A site
spec:
  components:
    - name: page
      type: component
      properties:
        image: {image}
      traits:
        - type: spreadscaler
          properties:
            instances: 5
    - name: http
      type: capability
      properties:
        image: ghcr.io/wasmcloud/http-server:0.28.0
      traits:
        - type: link
          properties:
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            target:
              name: page{config}
"
    )
}

/// The same with the component that says hello, in a file of `home`.
pub(crate) fn hello(home: &Home, name: &str, port: u16) -> String {
    home.write("hello.wasm", guest("hello-http"));
    home.write(
        &format!("{name}.yaml"),
        site(name, "file://hello.wasm", Some(port)),
    )
}
