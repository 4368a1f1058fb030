//! Manifests, in parts.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

/// A manifest. Its text is JSON, which is YAML too.
#[derive(Clone, Debug)]
pub struct Manifest {
    name: String,
    annotations: Map<String, Value>,
    parts: Vec<Value>,
}

/// A component of a manifest.
#[derive(Clone, Debug)]
pub struct Component {
    name: String,
    part: Part,
    digest: Option<String>,
}

/// A provider of a manifest.
#[derive(Clone, Debug)]
pub struct Provider {
    part: Part,
}

/// How often something runs, and where.
#[derive(Clone, Debug)]
pub enum Scaler {
    /// So often in all, where this label is.
    Spread(u32, Option<(&'static str, &'static str)>),
}

#[derive(Clone, Debug)]
struct Part {
    name: String,
    kind: &'static str,
    properties: Map<String, Value>,
    traits: Vec<Value>,
}

// ===== impl Manifest =====

impl Manifest {
    /// An application of nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            annotations: Map::new(),
            parts: Vec::new(),
        }
    }

    /// A component `web` that answers HTTP at `address`, and a provider `http` that brings it requests.
    pub fn http(name: &str, image: &Path, address: SocketAddr) -> Self {
        Self::new(name)
            .with(Component::new("web", image).scaler(&Scaler::Spread(10, None)))
            .provider(Provider::http("http").serve("web", Some(address)))
    }

    /// The name of the application.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a component.
    #[must_use]
    pub fn with(mut self, component: Component) -> Self {
        if let Some(digest) = component.digest {
            let key = format!("weft.digest/{}", component.name);
            self.annotations.insert(key, digest.into());
        }
        self.parts.push(component.part.into_value());
        self
    }

    /// Adds a provider.
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> Self {
        self.parts.push(provider.part.into_value());
        self
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = json!({
            "apiVersion": "core.oam.dev/v1beta1",
            "kind": "Application",
            "metadata": { "name": self.name, "annotations": self.annotations },
            "spec": { "components": self.parts },
        });
        value.fmt(f)
    }
}

// ===== impl Component =====

impl Component {
    /// A component of a file. Its digest is recorded, if it is there.
    pub fn new(name: &str, image: &Path) -> Self {
        let text = format!("file://{}", image.display());
        let mut component = Self::of_image(name, &text);
        component.digest = std::fs::read(image)
            .ok()
            .map(|bytes| weft_artifact::digest(&bytes).to_string());
        component
    }

    /// A component of any image.
    pub fn of_image(name: &str, image: &str) -> Self {
        Self {
            name: name.to_owned(),
            part: Part::new(name, "component", image),
            digest: None,
        }
    }

    /// How often, and where.
    #[must_use]
    pub fn scaler(mut self, scaler: &Scaler) -> Self {
        self.part.traits.push(scaler.to_value());
        self
    }

    /// Lets it call interfaces `namespace:package` of another part.
    #[must_use]
    pub fn link(
        mut self,
        target: &str,
        namespace: &str,
        package: &str,
        interfaces: &[&str],
    ) -> Self {
        self.part
            .traits
            .push(link(target, namespace, package, interfaces));
        self
    }

    /// The same by a link of this name, with one value in the config of the target's end if there is one.
    #[must_use]
    pub fn link_named(
        mut self,
        name: &str,
        target: &str,
        (namespace, package): (&str, &str),
        interfaces: &[&str],
        config: Option<(&str, &str)>,
    ) -> Self {
        let mut link = link(target, namespace, package, interfaces);
        link["properties"]["name"] = name.into();
        if let Some((key, value)) = config {
            let config =
                json!([{ "name": format!("{name}-{target}"), "properties": { key: value } }]);
            link["properties"]["target"]["config"] = config;
        }
        self.part.traits.push(link);
        self
    }

    /// One of its limits.
    #[must_use]
    pub fn limit(mut self, name: &str, value: &str) -> Self {
        self.part
            .traits
            .push(json!({ "type": "weft.limits", "properties": { name: value } }));
        self
    }

    /// What it reads.
    #[must_use]
    pub fn config(mut self, name: &str, key: &str, value: &str) -> Self {
        let config = json!([{ "name": name, "properties": { key: value } }]);
        self.part.properties.insert("config".to_owned(), config);
        self
    }
}

// ===== impl Provider =====

impl Provider {
    /// A provider.
    pub fn new(name: &str, image: &str) -> Self {
        Self {
            part: Part::new(name, "capability", image),
        }
    }

    /// The HTTP server of the host.
    pub fn http(name: &str) -> Self {
        Self::new(name, "wasmcloud+builtin://http-server")
    }

    /// How often, and where.
    #[must_use]
    pub fn scaler(mut self, scaler: &Scaler) -> Self {
        self.part.traits.push(scaler.to_value());
        self
    }

    /// What it reads.
    #[must_use]
    pub fn config(mut self, name: &str, key: &str, value: &str) -> Self {
        let config = json!([{ "name": name, "properties": { key: value } }]);
        self.part.properties.insert("config".to_owned(), config);
        self
    }

    /// Lets it call interfaces `namespace:package` of a component, with one value in the config of its own end.
    #[must_use]
    pub fn link(
        mut self,
        target: &str,
        (namespace, package): (&str, &str),
        interfaces: &[&str],
        (key, value): (&str, &str),
    ) -> Self {
        let mut link = link(target, namespace, package, interfaces);
        let config = json!([{ "name": format!("{target}-{key}"), "properties": { key: value } }]);
        link["properties"]["source"] = json!({ "config": config });
        self.part.traits.push(link);
        self
    }

    /// Brings requests at `address`, or at each host's own, to `target`.
    #[must_use]
    pub fn serve(mut self, target: &str, address: Option<SocketAddr>) -> Self {
        let mut link = link(target, "wasi", "http", &["incoming-handler"]);
        link["properties"]["name"] = target.into();
        if let Some(address) = address {
            let properties = json!({ "address": address.to_string() });
            let config = json!([{ "name": format!("{target}-address"), "properties": properties }]);
            link["properties"]["source"] = json!({ "config": config });
        }
        self.part.traits.push(link);
        self
    }
}

// ===== impl Scaler =====

impl Scaler {
    fn to_value(&self) -> Value {
        match self {
            Self::Spread(instances, None) => json!({
                "type": "spreadscaler",
                "properties": { "instances": instances },
            }),
            Self::Spread(instances, Some((key, value))) => json!({
                "type": "spreadscaler",
                "properties": {
                    "instances": instances,
                    "spread": [{ "name": value, "requirements": { *key: value } }],
                },
            }),
        }
    }
}

// ===== impl Part =====

impl Part {
    fn new(name: &str, kind: &'static str, image: &str) -> Self {
        let properties = Map::from_iter([("image".to_owned(), image.into())]);
        Self {
            name: name.to_owned(),
            kind,
            properties,
            traits: Vec::new(),
        }
    }

    fn into_value(self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "properties": self.properties,
            "traits": self.traits,
        })
    }
}

fn link(target: &str, namespace: &str, package: &str, interfaces: &[&str]) -> Value {
    json!({
        "type": "link",
        "properties": {
            "target": { "name": target },
            "namespace": namespace,
            "package": package,
            "interfaces": interfaces,
        },
    })
}
