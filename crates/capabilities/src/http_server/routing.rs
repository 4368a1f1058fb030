//! Which rule serves a request.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use weft_engine::Program;
use weft_model::id::ComponentId;

use crate::remote::http::HttpTarget;

/// Requests for some host and path lead to one component.
#[derive(Clone)]
pub struct Rule {
    /// The component.
    pub component: ComponentId,
    /// The component as it runs here; `None` while it does not.
    pub program: Option<Arc<Program>>,
    /// The component as it runs elsewhere, which is asked while it does not run here; without it that is answered with 503.
    pub elsewhere: Option<Arc<HttpTarget>>,
    /// The host, in lower case and without port; `None` for any.
    pub host: Option<String>,
    /// The paths.
    pub path: PathRule,
    /// Whether only `GET` and `HEAD` are served.
    pub is_readonly: bool,
    /// Added to answers that have no `cache-control`.
    pub cache_control: Option<HeaderValue>,
    /// Time for the head of the answer, if less than the component's own limit.
    pub head_timeout: Option<Duration>,
}

/// A set of paths.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum PathRule {
    /// All paths.
    Any,
    /// This path and no other.
    Exact(String),
    /// This path, without a slash at its end, and all below it.
    Below(String),
}

/// The rules of one address, made for look-up. An exact path goes before a longer prefix, that before a shorter one, and
/// rules for the host of the request go before those for any host.
#[derive(Default)]
pub(super) struct Routes {
    by_host: HashMap<String, Paths>,
    any_host: Paths,
}

#[derive(Default)]
struct Paths {
    exact: HashMap<String, Arc<Rule>>,
    /// The longest first.
    below: Vec<(String, Arc<Rule>)>,
    any: Option<Arc<Rule>>,
}

// ===== impl Rule =====

impl Rule {
    /// Host and path, for people.
    pub(super) fn place(&self) -> String {
        format!("{}{}", self.host.as_deref().unwrap_or("*"), self.path)
    }
}

impl fmt::Display for PathRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("/*"),
            Self::Exact(path) => f.write_str(path),
            Self::Below(path) => write!(f, "{path}/*"),
        }
    }
}

// ===== impl Routes =====

impl Routes {
    /// A table of `rules`, of which no two are for the same place.
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let mut routes = Self::default();
        for rule in rules {
            let paths = match &rule.host {
                Some(host) => routes.by_host.entry(host.clone()).or_default(),
                None => &mut routes.any_host,
            };
            paths.insert(Arc::new(rule));
        }
        for paths in routes.by_host.values_mut().chain([&mut routes.any_host]) {
            paths
                .below
                .sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        }
        routes
    }

    /// The rule for a request to `host`, which may have a port and any case, and `path`.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Arc<Rule>> {
        if !self.by_host.is_empty() {
            let name = host_name(host);
            let paths = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                true => self.by_host.get(&name.to_ascii_lowercase()),
                false => self.by_host.get(name),
            };
            if let Some(rule) = paths.and_then(|paths| paths.find(path)) {
                return Some(rule);
            }
        }
        self.any_host.find(path)
    }
}

/// The host without its port; an IPv6 address keeps its brackets.
fn host_name(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

// ===== impl Paths =====

impl Paths {
    fn insert(&mut self, rule: Arc<Rule>) {
        match &rule.path {
            PathRule::Any => self.any = Some(rule),
            PathRule::Exact(path) => {
                self.exact.insert(path.clone(), Arc::clone(&rule));
            }
            PathRule::Below(path) => self.below.push((path.clone(), Arc::clone(&rule))),
        }
    }

    fn find(&self, path: &str) -> Option<&Arc<Rule>> {
        if !self.exact.is_empty()
            && let Some(rule) = self.exact.get(path)
        {
            return Some(rule);
        }
        let below = self.below.iter().find(|(prefix, _)| {
            path.strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        below.map(|(_, rule)| rule).or(self.any.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(component: &str, host: Option<&str>, path: PathRule) -> Rule {
        Rule {
            component: component.parse().unwrap(),
            program: None,
            elsewhere: None,
            host: host.map(str::to_owned),
            path,
            is_readonly: false,
            cache_control: None,
            head_timeout: None,
        }
    }

    #[test]
    fn the_most_particular_rule_wins() {
        let routes = Routes::new(vec![
            rule("any", None, PathRule::Any),
            rule("shop", None, PathRule::Below("/shop".into())),
            rule("cart", None, PathRule::Below("/shop/cart".into())),
            rule("exact", None, PathRule::Exact("/shop/cart".into())),
            rule("host", Some("a.example"), PathRule::Below("/x".into())),
        ]);
        let find = |host: &str, path: &str| {
            routes
                .find(host, path)
                .map(|rule| rule.component.as_str().to_owned())
        };
        assert_eq!(find("h", "/").as_deref(), Some("any"));
        assert_eq!(find("h", "/shop").as_deref(), Some("shop"));
        assert_eq!(find("h", "/shopping").as_deref(), Some("any"));
        assert_eq!(find("h", "/shop/cart").as_deref(), Some("exact"));
        assert_eq!(find("h", "/shop/cart/1").as_deref(), Some("cart"));
        assert_eq!(find("A.Example:8080", "/x/y").as_deref(), Some("host"));
        assert_eq!(find("a.example", "/y").as_deref(), Some("any"));
        assert!(
            Routes::new(vec![rule("one", None, PathRule::Exact("/".into()))])
                .find("h", "/x")
                .is_none()
        );
    }

    #[test]
    fn the_port_is_no_part_of_the_name() {
        assert_eq!(host_name("a.example:80"), "a.example");
        assert_eq!(host_name("[::1]:80"), "[::1]");
        assert_eq!(host_name("[::1]"), "[::1]");
        assert_eq!(host_name("a"), "a");
    }
}
