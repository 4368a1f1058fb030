//! Typed names: each kind of id is a type of its own, parsed once where it enters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest id that is accepted, in bytes.
///
/// An id is part of NATS subjects and of keys in buckets, next to prefixes of well under 200 bytes; nats-server's
/// default control line is 4,096 bytes.
pub const ID_BYTES_MAX: usize = 256;

/// Why a text is not an id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text is empty or consists of white space.
    #[error("{kind} is empty")]
    Empty {
        /// What was to be parsed, such as `component id`.
        kind: &'static str,
    },
    /// The text is longer than [`ID_BYTES_MAX`].
    #[error("{kind} has {bytes} bytes, at most {ID_BYTES_MAX} are allowed")]
    TooLong {
        /// What was to be parsed.
        kind: &'static str,
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// The text has a character that cannot stand in one token of a NATS subject, or, for an application name, outside
    /// of letters, digits, `_` and `-`.
    #[error("{kind} `{text}` contains {character:?}, which is not allowed there")]
    Character {
        /// What was to be parsed.
        kind: &'static str,
        /// The text as given, shortened to [`ID_BYTES_MAX`].
        text: String,
        /// The first offending character.
        character: char,
    },
}

/// Whether `character` may stand in one token of a NATS subject.
fn is_token_character(character: char) -> bool {
    !matches!(character, '.' | '*' | '>') && !character.is_whitespace() && !character.is_control()
}

/// Whether `character` may stand in the name of an application (spec §9.3: `^[-\w]+$`).
fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_')
}

/// Trims `text` and checks its length and characters.
fn parse_name<'a>(
    kind: &'static str,
    text: &'a str,
    allows: fn(char) -> bool,
) -> Result<&'a str, ParseIdError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ParseIdError::Empty { kind });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(ParseIdError::TooLong {
            kind,
            bytes: text.len(),
        });
    }
    match text.chars().find(|&character| !allows(character)) {
        None => Ok(text),
        Some(character) => Err(ParseIdError::Character {
            kind,
            text: text.to_owned(),
            character,
        }),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $allows:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone. Parsing trims white space; the text is 1 to [`ID_BYTES_MAX`] bytes.
        #[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_name($kind, text, $allows).map(|text| Self(text.into()))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// The name of a lattice: one token of a NATS subject.
    LatticeName,
    "lattice name",
    is_token_character
);
id!(
    /// The id of a host: the public nkey of a server, 56 characters beginning with `N` (spec §0). Read leniently as
    /// any token, so that a host of another kind is not refused for the form of its id.
    HostId,
    "host id",
    is_token_character
);
id!(
    /// The id of a component; the same id on several hosts is one component.
    ComponentId,
    "component id",
    is_token_character
);
id!(
    /// The id of a provider; the same id on several hosts is one provider.
    ProviderId,
    "provider id",
    is_token_character
);
id!(
    /// The id of a component or provider, where either may stand: the two ends of a link, and the key of a
    /// `COMPONENT_{id}` record.
    EntityId,
    "component or provider id",
    is_token_character
);
id!(
    /// The name of a link; a component chooses among links for one interface by name.
    LinkName,
    "link name",
    is_token_character
);
id!(
    /// The name of a config: one token of a NATS subject (spec §0).
    ConfigName,
    "config name",
    is_token_character
);
id!(
    /// The name of an application: letters, digits, `_` and `-` (spec §9.3).
    ApplicationName,
    "application name",
    is_name_character
);

// ===== impl LatticeName, LinkName =====

impl Default for LatticeName {
    fn default() -> Self {
        Self("default".into())
    }
}

impl Default for LinkName {
    fn default() -> Self {
        Self("default".into())
    }
}

// ===== impl EntityId =====

impl From<ComponentId> for EntityId {
    fn from(id: ComponentId) -> Self {
        Self(id.0)
    }
}

impl From<ProviderId> for EntityId {
    fn from(id: ProviderId) -> Self {
        Self(id.0)
    }
}

impl From<&ComponentId> for EntityId {
    fn from(id: &ComponentId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl From<&ProviderId> for EntityId {
    fn from(id: &ProviderId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl From<EntityId> for ComponentId {
    fn from(id: EntityId) -> Self {
        Self(id.0)
    }
}

impl From<EntityId> for ProviderId {
    fn from(id: EntityId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_token_of_a_subject() {
        assert_eq!(
            "http-hello".parse::<ComponentId>().unwrap().as_str(),
            "http-hello"
        );
        assert_eq!(
            " padded ".parse::<ComponentId>().unwrap().as_str(),
            "padded"
        );
        for bad in ["", "  ", "a.b", "a b", "a*", ">", "a\u{7}b"] {
            assert!(bad.parse::<ComponentId>().is_err(), "{bad:?} was accepted");
        }
        assert!("x".repeat(ID_BYTES_MAX).parse::<HostId>().is_ok());
        assert!("x".repeat(ID_BYTES_MAX + 1).parse::<HostId>().is_err());
    }

    #[test]
    fn an_application_name_is_a_word() {
        assert!("my-app_2".parse::<ApplicationName>().is_ok());
        let error = "bad app".parse::<ApplicationName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "application name `bad app` contains ' ', which is not allowed there"
        );
    }
}
