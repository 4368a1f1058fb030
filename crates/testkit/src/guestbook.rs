//! The example `examples/guestbook`, as a user has it: its manifest and its components, on free ports.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use weft_lattice::application::ApplicationError;

use crate::guest;
use crate::http;
use crate::site::{Site, free_address};

const COMPONENTS: [&str; 3] = ["web", "greeter", "stream"];
const GREETING: &str = "Welcome, {name}! You are visitor number {visits}.";
const KEYVALUE_IMAGE: &str = "ghcr.io/wasmcloud/keyvalue-redis:0.30.0";

/// A copy of the guest book that can be changed.
#[derive(Debug)]
pub struct Guestbook {
    text: String,
    components: PathBuf,
    page: SocketAddr,
    stream: SocketAddr,
}

// ===== impl Guestbook =====

impl Guestbook {
    /// The name of the application.
    pub const NAME: &'static str = "guestbook";

    /// A copy in the directory of `site`.
    pub fn new(site: &Site) -> Self {
        let manifest =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/guestbook/weft.yaml");
        let components = site.directory().join("guestbook");
        std::fs::create_dir(&components).unwrap();
        for name in COMPONENTS {
            let from = guest::path(&format!("guestbook-{name}"));
            std::fs::copy(from, components.join(format!("{name}.wasm"))).unwrap();
        }
        let (page, stream) = (free_address(), free_address());
        let text = std::fs::read_to_string(manifest).unwrap();
        let mut book = Self {
            text,
            components,
            page,
            stream,
        };
        book.replace("127.0.0.1:8080", &page.to_string());
        book.replace("127.0.0.1:8081", &stream.to_string());
        book.replace(KEYVALUE_IMAGE, site.keyvalue_image());
        let images = format!("file://{}/", book.components.display());
        book.replace("file://build/", &images);
        book
    }

    /// Where the page is.
    pub fn page(&self) -> SocketAddr {
        self.page
    }

    /// Where the component that streams answers.
    pub fn stream(&self) -> SocketAddr {
        self.stream
    }

    /// Changes the words of the greeting.
    pub fn greet(&mut self, greeting: &str) {
        self.replace(GREETING, greeting);
    }

    /// Changes the digest of a component and nothing else of it.
    pub fn rebuild(&self, component: &str) {
        let path = self.components.join(format!("{component}.wasm"));
        let bytes = guest::with_section(std::fs::read(&path).unwrap(), "rebuilt");
        // Put in its place as a build does: hosts may be reading the file that was there.
        let new = path.with_extension("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    /// Deploys it as it is now; gives the version.
    pub async fn deploy(&self, site: &Site) -> String {
        self.try_deploy(site).await.unwrap()
    }

    /// Deploys it as it is now, with the digests of its components as the command line records them; gives the version.
    ///
    /// # Errors
    ///
    /// What the application API says.
    pub async fn try_deploy(&self, site: &Site) -> Result<String, ApplicationError> {
        let mut annotations = "  annotations:\n".to_owned();
        for name in COMPONENTS {
            let bytes = std::fs::read(self.components.join(format!("{name}.wasm"))).unwrap();
            let digest = weft_artifact::digest(&bytes);
            writeln!(annotations, "    weft.digest/{name}: '{digest}'").unwrap();
        }
        let text = self.text.replacen("  annotations:\n", &annotations, 1);
        assert_ne!(text, self.text, "the manifest has no annotations");
        site.try_deploy(Self::NAME, &text).await
    }

    /// Deploys it, waits until it is up, and gives its version.
    pub async fn bring_up(&self, site: &Site) -> String {
        let version = self.deploy(site).await;
        site.is_up(Self::NAME, &version).await;
        version
    }

    /// Counts a visit; gives its number.
    pub async fn hit(&self) -> u64 {
        let answer = http::get(self.page, "/hit").await.unwrap();
        answer.text().parse().unwrap()
    }

    /// The number of visits.
    pub async fn count(&self) -> u64 {
        let answer = http::get_when(self.page, "/count", |answer| answer.status == 200).await;
        answer.body.parse().unwrap()
    }

    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "the manifest lacks `{from}`");
        self.text = self.text.replace(from, to);
    }
}
