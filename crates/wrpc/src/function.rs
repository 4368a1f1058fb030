//! A function, as its callers and those who serve it name it.

use std::sync::Arc;

use async_nats::Subject;

use crate::encode::Tuple;
use crate::route::Route;
use crate::subject::{Prefix, SubjectError};
use crate::ty::{Signature, TypeError};

/// A function of somebody, ready to be called: its subject and its types. Cheap to clone; clones share what calls have shown
/// of those who serve it.
#[derive(Clone, Debug)]
pub struct Function {
    pub(crate) subject: Subject,
    /// Where calls in the short form go.
    pub(crate) short_subject: Subject,
    pub(crate) cancellations: Subject,
    pub(crate) signature: Arc<Signature>,
    pub(crate) route: Arc<Route>,
}

/// A function to serve.
#[derive(Clone, Debug)]
pub struct Export {
    /// The fully qualified instance, such as `wrpc:http/incoming-handler@0.1.0`; empty at the root of a world.
    pub instance: String,
    /// The name on the wire; see [`crate::subject::wire_name`].
    pub name: String,
    /// Its types.
    pub signature: Arc<Signature>,
}

/// Why there is no such function.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// It has no subject.
    #[error("the function has no subject")]
    Subject(#[from] SubjectError),
    /// Its types cannot cross the wire.
    #[error("the types of the function cannot cross the wire")]
    Type(#[from] TypeError),
}

// ===== impl Function =====

impl Function {
    /// The function `name` of `instance` of whoever has `prefix`.
    ///
    /// # Errors
    ///
    /// When a name cannot be part of a subject.
    pub fn new(
        prefix: &Prefix,
        instance: &str,
        name: &str,
        signature: Arc<Signature>,
    ) -> Result<Self, SubjectError> {
        Ok(Self {
            subject: prefix.function(instance, name)?.into(),
            short_subject: prefix.short_function(instance, name)?.into(),
            cancellations: prefix.cancellations().into(),
            signature,
            route: Arc::default(),
        })
    }

    /// The same, with types given by Rust tuples.
    ///
    /// # Errors
    ///
    /// When a name cannot be part of a subject, or a type cannot cross the wire.
    pub fn typed<P: Tuple, R: Tuple>(
        prefix: &Prefix,
        instance: &str,
        name: &str,
    ) -> Result<Self, FunctionError> {
        let signature = Signature::new(P::members(), R::members())?;
        Ok(Self::new(prefix, instance, name, Arc::new(signature))?)
    }

    /// Its subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its types.
    pub fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }
}

// ===== impl Export =====

impl Export {
    /// A function to serve, with types given by Rust tuples.
    ///
    /// # Errors
    ///
    /// When a type cannot cross the wire.
    pub fn typed<P: Tuple, R: Tuple>(
        instance: impl Into<String>,
        name: impl Into<String>,
    ) -> Result<Self, TypeError> {
        Ok(Self {
            instance: instance.into(),
            name: name.into(),
            signature: Arc::new(Signature::new(P::members(), R::members())?),
        })
    }
}
