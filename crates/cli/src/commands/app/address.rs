//! Where an application answers HTTP, as its manifest says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;
use weft_lattice::Lattice;
use weft_manifest::{Strictness, parse_bytes};
use weft_model::application::{Application, Config, ProviderSpec};
use weft_model::id::{ApplicationName, ConfigName};
use weft_model::link::Link;
use weft_model::reference::Location;

use crate::context::Vantage;

/// The last part of the image of an HTTP server, built in or not; the config of others is not known.
const SERVER_IMAGE: &str = "http-server";
/// Config keys with which a server listens in a way that is not told here.
const UNTOLD_KEYS: [&str; 4] = [
    "config_b64",
    "config_json",
    "tls_cert_file",
    "tls_priv_key_file",
];

/// Where a component answers HTTP.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct AddressView {
    /// The id of the component.
    component: String,
    /// The id of the provider that listens for it.
    provider: String,
    /// The URL to call from here; `null` when only who is near the hosts can call it.
    url: Option<String>,
    /// The address at which hosts listen, as an IP address and a port; `null` for the one that each host shares among its
    /// components, where it is not known here.
    listen: Option<String>,
    /// The host that requests have to name; `null` for any.
    host: Option<String>,
    /// The path that requests have to begin with.
    path: String,
}

/// Where the components of version `version` of `name` answer, in the order of the manifest; `None` when its manifest
/// cannot be had.
pub(crate) async fn fetch_addresses(
    lattice: &Lattice,
    vantage: Vantage,
    name: &ApplicationName,
    version: Option<&str>,
) -> Option<Vec<AddressView>> {
    // What is asked for beside the outcome does not make it a failure.
    let stored = lattice.applications().manifest(name, version).await;
    let text = stored.ok().flatten()?.to_string();
    let application = parse_bytes(text.as_bytes(), Strictness::Lenient).application?;
    Some(addresses(&application, vantage))
}

/// Where the components of `application` answer, in the order of its links. Left out is what its manifest does not tell:
/// links with configs that are elsewhere, and servers of other kinds.
pub(crate) fn addresses(application: &Application, vantage: Vantage) -> Vec<AddressView> {
    let links = application.links.iter().filter(|link| {
        let package = &link.package;
        (package.namespace(), package.name()) == ("wasi", "http")
            && link
                .interfaces
                .iter()
                .any(|name| name == "incoming-handler")
    });
    links
        .filter_map(|link| {
            let mut servers = application.providers.iter();
            let server = servers.find(|provider| {
                provider.id.as_str() == link.source.as_str() && is_server(provider)
            })?;
            address(application, server, link, vantage)
        })
        .collect()
}

fn is_server(provider: &ProviderSpec) -> bool {
    match provider.image.location() {
        Location::Builtin(name) => name == SERVER_IMAGE,
        Location::Registry(_) => provider
            .image
            .repository()
            .and_then(|repository| repository.rsplit('/').next())
            .is_some_and(|name| name == SERVER_IMAGE),
        Location::File(_) => false,
    }
}

fn address(
    application: &Application,
    server: &ProviderSpec,
    link: &Link,
    vantage: Vantage,
) -> Option<AddressView> {
    let of_server = merge(application, &server.config)?;
    let of_link = merge(application, &link.source_config)?;
    let default = of_server.get("default_address");
    let mode = of_server.get("routing_mode").map(String::as_str);
    let address = match mode {
        None | Some("address") => of_link.get("address").or(default),
        _ => default,
    };
    let listen: Option<SocketAddr> = match address {
        Some(address) => Some(address.parse().ok()?),
        None => vantage.shared_http,
    };
    let path = of_link.get("path").map_or("/", String::as_str);
    let path = path.strip_suffix('*').unwrap_or(path).to_owned();
    Some(AddressView {
        component: link.target.to_string(),
        provider: server.id.to_string(),
        url: listen
            .and_then(|listen| callable(listen, vantage))
            .map(|address| format!("http://{address}{path}")),
        listen: listen.map(|listen| listen.to_string()),
        host: of_link.get("host").cloned(),
        path,
    })
}

/// The configs of these names, merged left to right, with keys in small letters; `None` when the manifest does not have
/// one of them, or they say something that is not told here.
fn merge(application: &Application, names: &[ConfigName]) -> Option<Config> {
    let mut merged = BTreeMap::new();
    for name in names {
        let config = application.configs.get(name)?.iter();
        merged.extend(config.map(|(key, value)| (key.to_ascii_lowercase(), value.clone())));
    }
    let is_told = UNTOLD_KEYS.iter().all(|key| !merged.contains_key(*key));
    is_told.then_some(merged)
}

/// The address to call from here what listens at `listen`; `None` when that is on another machine, as far as is known.
fn callable(listen: SocketAddr, vantage: Vantage) -> Option<SocketAddr> {
    let is_everywhere = listen.ip().is_unspecified();
    if !vantage.is_local && (is_everywhere || listen.ip().is_loopback()) {
        return None;
    }
    let ip = match listen.ip() {
        IpAddr::V4(_) if is_everywhere => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) if is_everywhere => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(SocketAddr::new(ip, listen.port()))
}

// ===== impl AddressView =====

impl AddressView {
    /// The id of the component that answers.
    pub(crate) fn component(&self) -> &str {
        &self.component
    }

    /// Where it answers, in words.
    pub(crate) fn describe(&self) -> String {
        let provider = &self.provider;
        let place = match (&self.url, &self.listen) {
            (Some(url), _) => url.clone(),
            (None, Some(listen)) => format!(
                "http://{listen}{} of each host that runs `{provider}`",
                self.path
            ),
            (None, None) => format!(
                "path `{}` of the shared address of each host that runs `{provider}`",
                self.path
            ),
        };
        match &self.host {
            None => place,
            Some(host) => format!("{place} with `Host: {host}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(server: &str, link: &str) -> Application {
        let text = format!(
            r#"{{"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{{"name":"shop","annotations":{{}}}},
            "spec":{{"components":[
              {{"name":"web","type":"component","properties":{{"image":"ghcr.io/shop/web:1"}}}},
              {{"name":"http","type":"capability","properties":{{"image":"{server}"}},
                "traits":[{{"type":"link","properties":{{"namespace":"wasi","package":"http",
                  "interfaces":["incoming-handler"],"target":{{"name":"web"}},"source":{{"config":[{link}]}}}}}}]}}]}}}}"#
        );
        let parsed = parse_bytes(text.as_bytes(), Strictness::Lenient);
        parsed
            .application
            .unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
    }

    fn config(values: &str) -> String {
        format!(r#"{{"name":"address","properties":{{{values}}}}}"#)
    }

    const IMAGE: &str = "ghcr.io/wasmcloud/http-server:0.28.0";
    const HERE: Vantage = Vantage {
        is_local: true,
        shared_http: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000)),
    };
    const AFAR: Vantage = Vantage {
        is_local: false,
        shared_http: None,
    };

    #[test]
    fn an_address_is_told_as_it_is_called_from_here() {
        let check = |values: &str, here: &str, afar: &str| {
            let application = manifest(IMAGE, &config(values));
            for (vantage, expected) in [(HERE, here), (AFAR, afar)] {
                let told: Vec<String> = addresses(&application, vantage)
                    .iter()
                    .map(AddressView::describe)
                    .collect();
                assert_eq!(told, [expected], "{values}");
            }
        };
        check(
            r#""Address":"0.0.0.0:8080""#,
            "http://127.0.0.1:8080/",
            "http://0.0.0.0:8080/ of each host that runs `shop-http`",
        );
        check(
            r#""address":"[::]:80","path":"/shop/*""#,
            "http://[::1]:80/shop/",
            "http://[::]:80/shop/ of each host that runs `shop-http`",
        );
        check(
            r#""address":"10.0.0.7:80","host":"shop.example""#,
            "http://10.0.0.7:80/ with `Host: shop.example`",
            "http://10.0.0.7:80/ with `Host: shop.example`",
        );
        check(
            r#""other":"""#,
            "http://127.0.0.1:8000/",
            "path `/` of the shared address of each host that runs `shop-http`",
        );
    }

    #[test]
    fn what_the_manifest_does_not_tell_is_left_out() {
        let check = |image: &str, link: &str, number: usize| {
            let told = addresses(&manifest(image, link), HERE);
            assert_eq!(told.len(), number, "{image} {link}");
        };
        check("wasmcloud+builtin://http-server", "", 1);
        check("ghcr.io/other/server:1", "", 0);
        check(IMAGE, r#"{"name":"elsewhere"}"#, 0);
        check(IMAGE, &config(r#""tls_cert_file":"a.pem""#), 0);
        check(IMAGE, &config(r#""address":"somewhere""#), 0);
    }
}
