//! Errors of conversions between messages and the values of `weft_model`.

use std::str::FromStr;

use weft_model::id::ParseIdError;
use weft_model::interface::ParseInterfaceError;
use weft_model::reference::ParseReferenceError;

/// Why a message cannot be taken as a value of the model; names the field of the message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A field is no id of its kind.
    #[error("field `{field}` is not valid")]
    Id {
        /// The field, as it is called in the message.
        field: &'static str,
        /// Why not.
        source: ParseIdError,
    },
    /// The fields that name a package or interface do not.
    #[error("field `{field}` is not valid")]
    Interface {
        /// The field.
        field: &'static str,
        /// Why not.
        source: ParseInterfaceError,
    },
    /// A field is no reference to an image.
    #[error("field `{field}` is not valid")]
    Reference {
        /// The field.
        field: &'static str,
        /// Why not.
        source: ParseReferenceError,
    },
    /// A list that needs an element has none.
    #[error("field `{field}` is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
}

/// Parses `text` as the value of `field`.
pub(crate) fn parse_field<T>(field: &'static str, text: &str) -> Result<T, ConvertError>
where
    T: FromStr<Err: Into<FieldError>>,
{
    text.parse().map_err(|error: T::Err| error.into().of(field))
}

/// Parses every element of the list `field`.
pub(crate) fn parse_fields<T>(field: &'static str, texts: &[String]) -> Result<Vec<T>, ConvertError>
where
    T: FromStr<Err: Into<FieldError>>,
{
    texts.iter().map(|text| parse_field(field, text)).collect()
}

/// An error of parsing that does not know its field yet.
pub(crate) enum FieldError {
    Id(ParseIdError),
    Interface(ParseInterfaceError),
    Reference(ParseReferenceError),
}

// ===== impl FieldError =====

impl FieldError {
    pub(crate) fn of(self, field: &'static str) -> ConvertError {
        match self {
            Self::Id(source) => ConvertError::Id { field, source },
            Self::Interface(source) => ConvertError::Interface { field, source },
            Self::Reference(source) => ConvertError::Reference { field, source },
        }
    }
}

impl From<ParseIdError> for FieldError {
    fn from(error: ParseIdError) -> Self {
        Self::Id(error)
    }
}

impl From<ParseInterfaceError> for FieldError {
    fn from(error: ParseInterfaceError) -> Self {
        Self::Interface(error)
    }
}

impl From<ParseReferenceError> for FieldError {
    fn from(error: ParseReferenceError) -> Self {
        Self::Reference(error)
    }
}
