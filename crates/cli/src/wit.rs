//! The functions of WIT, for commands that call and show calls.

mod arguments;
mod json;
mod shape;
mod signature;
mod text;

pub(crate) use arguments::parse_arguments;
pub(crate) use text::{Text, render_results};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_model::problem::Coded;
use weft_wrpc::subject::wire_name;
use weft_wrpc::{Signature, TypeError};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, InterfaceId, Resolve, WorldItem};

use crate::failure::Failure;
use crate::status::Status;
use crate::ui::join_words;

/// Names that are told where one is not known.
const TOLD_MAX: usize = 8;

/// Functions by the interface that has them.
#[derive(Debug)]
pub(crate) struct Wit {
    resolve: Resolve,
    /// What can be called: the exports of a component, or all interfaces of a package.
    interfaces: Vec<InterfaceId>,
}

/// A function that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// The interface as its exporter names it, with its version.
    pub(crate) interface: String,
    /// The name, as WIT has it.
    pub(crate) name: String,
    /// The names of the parameters.
    pub(crate) params: Vec<String>,
    pub(crate) signature: Arc<Signature>,
}

/// `ns:pkg/interface.function`, as given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FunctionName {
    /// With a version or without.
    pub(crate) interface: String,
    pub(crate) function: String,
}

/// Why a function is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WitError {
    /// The text names no function.
    #[error("`{text}` names no function")]
    Name {
        /// What was given.
        text: String,
    },
    /// A file or directory holds no WIT.
    #[error("cannot read WIT from `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: WitReason,
    },
    /// A component is none.
    #[error("cannot read the types of `{component}`")]
    Decode {
        /// What it is.
        component: String,
        /// Why.
        source: WitReason,
    },
    /// There is no such function.
    #[error("there is no function `{function}` in `{interface}`")]
    NoFunction {
        /// What was asked for.
        function: String,
        /// Where.
        interface: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such interface.
    #[error("there is no interface `{interface}`")]
    NoInterface {
        /// What was asked for.
        interface: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Several versions of the interface have it.
    #[error("`{interface}` means several interfaces")]
    Ambiguous {
        /// What was asked for.
        interface: String,
        /// What it may mean.
        matches: Vec<String>,
    },
    /// The wire cannot carry its types.
    #[error("`{function}` cannot be called from here: {what}")]
    Unsupported {
        /// The function.
        function: String,
        /// What is wrong.
        what: String,
    },
    /// The wire cannot carry its types.
    #[error("`{function}` cannot be called from here")]
    Type {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: TypeError,
    },
}

/// What a parser says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WitReason(String);

// ===== impl FunctionName =====

impl FunctionName {
    /// Reads `ns:pkg/interface.function` or `ns:pkg/interface@1.2.3.function`.
    pub(crate) fn parse(text: &str) -> Result<Self, WitError> {
        let wrong = || WitError::Name {
            text: text.to_owned(),
        };
        let slash = text.find('/').ok_or_else(wrong)?;
        // A version has dots, the name of a function only that of a resource's method, and a hyphen or letter first.
        let (interface, function) = match text.find('@') {
            None => {
                let dot = text[slash..].find('.').ok_or_else(wrong)? + slash;
                (&text[..dot], &text[dot + 1..])
            }
            Some(at) => {
                let parts: Vec<(usize, &str)> = text[at..].match_indices('.').collect();
                let dot = parts
                    .iter()
                    .map(|(dot, _)| at + dot)
                    .find(|dot| text[dot + 1..].starts_with(|c: char| c.is_ascii_alphabetic()))
                    .ok_or_else(wrong)?;
                (&text[..dot], &text[dot + 1..])
            }
        };
        if interface.find(':').is_none_or(|colon| colon > slash) || function.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            interface: interface.to_owned(),
            function: function.to_owned(),
        })
    }
}

// ===== impl Wit =====

impl Wit {
    /// Reads a WIT file, a directory with WIT, or a component. Blocks on the disk.
    pub(crate) fn read(path: &Path) -> Result<Self, WitError> {
        let wrong = |error: &dyn std::fmt::Display| WitError::Read {
            path: path.to_owned(),
            source: WitReason(error.to_string()),
        };
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
            return Self::decode(&path.display().to_string(), &bytes);
        }
        let mut resolve = Resolve::default();
        resolve
            .push_path(path)
            .map_err(|error| wrong(&format!("{error:#}")))?;
        let interfaces = resolve.interfaces.iter().map(|(id, _)| id).collect();
        Ok(Self {
            resolve,
            interfaces,
        })
    }

    /// Reads the types of a component; `name` is what it is called.
    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self, WitError> {
        let decoded = decode(bytes).map_err(|error| WitError::Decode {
            component: name.to_owned(),
            source: WitReason(format!("{error:#}")),
        })?;
        Ok(match decoded {
            DecodedWasm::Component(resolve, world) => {
                let exports = resolve.worlds[world].exports.values();
                let interfaces = exports
                    .filter_map(|item| match item {
                        WorldItem::Interface { id, .. } => Some(*id),
                        _ => None,
                    })
                    .collect();
                Self {
                    resolve,
                    interfaces,
                }
            }
            DecodedWasm::WitPackage(resolve, _) => {
                let interfaces = resolve.interfaces.iter().map(|(id, _)| id).collect();
                Self {
                    resolve,
                    interfaces,
                }
            }
        })
    }

    /// The function that `wanted` names; a name without a version means whichever there is.
    pub(crate) fn function(&self, wanted: &FunctionName) -> Result<Called, WitError> {
        let (interface, name) = self.find(wanted)?;
        let functions = &self.resolve.interfaces[interface].functions;
        let function = functions
            .values()
            .find(|function| wire_name(&function.name) == wanted.function)
            .ok_or_else(|| WitError::NoFunction {
                function: wanted.function.clone(),
                interface: name.clone(),
                known: functions.keys().take(TOLD_MAX).cloned().collect(),
            })?;
        self.called(&name, function)
    }

    /// The function by what the subject of a call has after the protocol: instance and name, joined by a dot.
    pub(crate) fn by_wire_name(&self, name: &str) -> Option<Called> {
        let wanted = FunctionName::parse(name).ok()?;
        self.function(&wanted).ok()
    }

    fn find(&self, wanted: &FunctionName) -> Result<(InterfaceId, String), WitError> {
        let has_version = wanted.interface.contains('@');
        let named = self.interfaces.iter().filter_map(|id| {
            let name = self.resolve.id_of(*id)?;
            Some((*id, name))
        });
        let named: Vec<_> = named.collect();
        let mut found: Vec<_> = named
            .iter()
            .filter(|(_, name)| {
                let bare = name.split('@').next().unwrap_or(name);
                *name == wanted.interface || (!has_version && bare == wanted.interface)
            })
            .cloned()
            .collect();
        let names = |of: &[(InterfaceId, String)]| {
            let names = of.iter().take(TOLD_MAX).map(|(_, name)| name.clone());
            names.collect::<Vec<_>>()
        };
        if found.len() > 1 {
            return Err(WitError::Ambiguous {
                interface: wanted.interface.clone(),
                matches: names(&found),
            });
        }
        found.pop().ok_or_else(|| WitError::NoInterface {
            interface: wanted.interface.clone(),
            known: names(&named),
        })
    }

    fn called(&self, interface: &str, function: &Function) -> Result<Called, WitError> {
        let name = format!("{interface}.{}", function.name);
        let unsupported = |what| WitError::Unsupported {
            function: name.clone(),
            what,
        };
        let types = signature::Types::new(&self.resolve);
        let params = function.params.iter().map(|param| types.ty(&param.ty));
        let params = params.collect::<Result<Vec<_>, _>>().map_err(unsupported)?;
        let results = function.result.iter().map(|ty| types.ty(ty));
        let results = results
            .collect::<Result<Vec<_>, _>>()
            .map_err(unsupported)?;
        let signature = Signature::new(params, results).map_err(|source| WitError::Type {
            function: name.clone(),
            source,
        })?;
        Ok(Called {
            interface: interface.to_owned(),
            name: function.name.clone(),
            params: function
                .params
                .iter()
                .map(|param| param.name.clone())
                .collect(),
            signature: Arc::new(signature),
        })
    }
}

impl Coded for WitError {
    fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } | Self::Ambiguous { .. } => "CLI040",
            Self::Read { .. } | Self::Decode { .. } => "CLI041",
            Self::NoFunction { .. } | Self::NoInterface { .. } => "CLI042",
            Self::Unsupported { .. } | Self::Type { .. } => "RPC011",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Name { text } => text.clone(),
            Self::Read { path, .. } => path.display().to_string(),
            Self::Decode { component, .. } => component.clone(),
            Self::NoFunction { function, .. }
            | Self::Unsupported { function, .. }
            | Self::Type { function, .. } => function.clone(),
            Self::NoInterface { interface, .. } | Self::Ambiguous { interface, .. } => {
                interface.clone()
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Name { .. } => {
                vec!["write `namespace:package/interface.function`".to_owned()]
            }
            Self::NoFunction { known, .. } | Self::NoInterface { known, .. }
                if !known.is_empty() =>
            {
                vec![format!("there are {}", join_words(known))]
            }
            Self::Ambiguous { matches, .. } => {
                vec![format!("write one of {}", join_words(matches))]
            }
            _ => Vec::new(),
        }
    }
}

impl From<WitError> for Failure {
    fn from(error: WitError) -> Self {
        let status = match &error {
            WitError::Name { .. } | WitError::Ambiguous { .. } => Status::Usage,
            WitError::NoFunction { .. } | WitError::NoInterface { .. } => Status::NotFound,
            _ => Status::Rejected,
        };
        Self::new(status, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_with_and_without_versions() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let parsed = FunctionName::parse(text).ok();
            let parsed = parsed
                .as_ref()
                .map(|name| (&*name.interface, &*name.function));
            assert_eq!(parsed, expected, "{text}");
        };
        check("a:b/c.d", Some(("a:b/c", "d")));
        check("a:b/c@0.1.0.d-e", Some(("a:b/c@0.1.0", "d-e")));
        check("a:b/c@0.2.0-draft.d", Some(("a:b/c@0.2.0-draft", "d")));
        check("a:b/c.bucket.get", Some(("a:b/c", "bucket.get")));
        check("a:b/c", None);
        check("c.d", None);
        check("a:b/c.", None);
    }

    #[test]
    fn a_function_is_found_by_its_name_on_the_wire() {
        let mut resolve = Resolve::default();
        let text = "package a:b@0.1.0; interface c { d: func(x: list<u8>, y: stream<u8>) -> option<string>; }";
        resolve.push_str("a.wit", text).unwrap();
        let interfaces = resolve.interfaces.iter().map(|(id, _)| id).collect();
        let wit = Wit {
            resolve,
            interfaces,
        };
        let called = wit.by_wire_name("a:b/c@0.1.0.d").unwrap();
        assert_eq!(called.params, ["x", "y"]);
        assert_eq!(
            called.signature.params().ty().to_string(),
            "tuple<list<u8>, stream<u8>>"
        );
        let bare = FunctionName::parse("a:b/c.d").unwrap();
        assert_eq!(wit.function(&bare).unwrap().interface, "a:b/c@0.1.0");
        assert!(wit.by_wire_name("a:b/c@0.2.0.d").is_none());
        let missing = wit.function(&FunctionName::parse("a:b/c.z").unwrap());
        assert!(missing.unwrap_err().hints()[0].contains('d'));
    }
}
