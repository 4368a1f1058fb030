//! Names of WIT packages and interfaces.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A WIT package without its version: `wasi:keyvalue`. A capability is named so, and links are declared for it.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PackageName {
    namespace: Arc<str>,
    name: Arc<str>,
}

/// A WIT interface without the version of its package: `wasi:keyvalue/store`, the key by which calls are routed
/// (spec §4.9).
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct InterfaceName {
    package: PackageName,
    name: Arc<str>,
}

/// A WIT interface with the version of its package, as components import and export it: `wasi:http/types@0.2.6`.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct VersionedInterface {
    /// The interface.
    pub interface: InterfaceName,
    /// The text after `@`; `None` when there is none.
    pub version: Option<Arc<str>>,
}

/// A text is not the name of a WIT package or interface.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not of the form `{form}`")]
pub struct ParseInterfaceError {
    text: String,
    form: &'static str,
}

// ===== impl PackageName =====

impl PackageName {
    /// Joins the two parts of a package name.
    ///
    /// # Errors
    ///
    /// [`ParseInterfaceError`] when a part is not a WIT identifier.
    pub fn new(namespace: &str, name: &str) -> Result<Self, ParseInterfaceError> {
        if is_identifier(namespace) && is_identifier(name) {
            Ok(Self {
                namespace: namespace.into(),
                name: name.into(),
            })
        } else {
            Err(ParseInterfaceError {
                text: format!("{namespace}:{name}"),
                form: "namespace:package",
            })
        }
    }

    /// The part before the colon.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The part after the colon.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for PackageName {
    type Err = ParseInterfaceError;

    fn from_str(text: &str) -> Result<Self, ParseInterfaceError> {
        let (namespace, name) = text.split_once(':').unwrap_or((text, ""));
        Self::new(namespace, name)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

impl fmt::Debug for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// ===== impl InterfaceName =====

impl InterfaceName {
    /// Names the interface `name` of `package`.
    ///
    /// # Errors
    ///
    /// [`ParseInterfaceError`] when `name` is not a WIT identifier.
    pub fn new(package: PackageName, name: &str) -> Result<Self, ParseInterfaceError> {
        if is_identifier(name) {
            Ok(Self {
                package,
                name: name.into(),
            })
        } else {
            Err(ParseInterfaceError {
                text: format!("{package}/{name}"),
                form: "namespace:package/interface",
            })
        }
    }

    /// The package that the interface belongs to.
    pub fn package(&self) -> &PackageName {
        &self.package
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for InterfaceName {
    type Err = ParseInterfaceError;

    fn from_str(text: &str) -> Result<Self, ParseInterfaceError> {
        let error = || ParseInterfaceError {
            text: text.to_owned(),
            form: "namespace:package/interface",
        };
        let (package, name) = text.split_once('/').ok_or_else(error)?;
        Self::new(package.parse().map_err(|_| error())?, name).map_err(|_| error())
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.package, self.name)
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// ===== impl VersionedInterface =====

impl FromStr for VersionedInterface {
    type Err = ParseInterfaceError;

    fn from_str(text: &str) -> Result<Self, ParseInterfaceError> {
        let (interface, version) = match text.split_once('@') {
            Some((interface, version)) => (interface, Some(version)),
            None => (text, None),
        };
        Ok(Self {
            interface: interface.parse()?,
            version: version.map(Into::into),
        })
    }
}

impl fmt::Display for VersionedInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.interface),
            None => fmt::Display::fmt(&self.interface, f),
        }
    }
}

impl fmt::Debug for VersionedInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether `text` can be a WIT identifier: words of ASCII letters and digits joined by single hyphens, a letter first.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_print_what_they_parse() {
        for text in [
            "wasi:keyvalue/store",
            "demo:vectors/kinds",
            "my-org:pkg2/a-b",
        ] {
            assert_eq!(text.parse::<InterfaceName>().unwrap().to_string(), text);
        }
        let versioned: VersionedInterface = "wasi:http/types@0.2.6".parse().unwrap();
        assert_eq!(versioned.version.as_deref(), Some("0.2.6"));
        assert_eq!(versioned.to_string(), "wasi:http/types@0.2.6");
        assert_eq!("a:b/c".parse::<VersionedInterface>().unwrap().version, None);
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "wasi",
            "wasi:",
            ":x/y",
            "wasi:keyvalue",
            "wasi:key value/x",
            "a:b/",
            "a:b/c/d",
            "a:b/1c",
            "a:b/c--d",
        ] {
            assert!(
                bad.parse::<InterfaceName>().is_err(),
                "{bad:?} was accepted"
            );
        }
    }
}
