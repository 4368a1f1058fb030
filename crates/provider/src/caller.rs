//! Calling components.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use weft_wrpc::encode::Payload;
use weft_wrpc::{
    CallError, CallOptions, Context, Decode, Encode, Endpoint, Function, FunctionError, Prefix,
    Signature, Tuple,
};

use crate::serve::Call;

/// Calls components in the name of the provider. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    lattice: String,
    provider: String,
}

/// A component to call. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Component {
    caller: Caller,
    id: String,
    options: CallOptions,
}

/// A function of a component, ready to be called again and again.
#[derive(Debug)]
pub struct ComponentCall<P, R> {
    component: Component,
    function: Function,
    types: PhantomData<fn(P) -> R>,
}

/// Results as they are read: a tuple of one, or of none.
struct Results<R>(R);

// ===== impl Caller =====

impl Caller {
    pub(crate) fn new(endpoint: Endpoint, lattice: String, provider: String) -> Self {
        Self {
            shared: Arc::new(Shared {
                endpoint,
                lattice,
                provider,
            }),
        }
    }

    /// The component with this id, such as [`Link::peer`](crate::Link::peer).
    pub fn component(&self, id: impl Into<String>) -> Component {
        let id = id.into();
        let context = Context {
            source_id: Some(self.shared.provider.clone()),
            target_id: Some(id.clone()),
            ..Context::default()
        };
        Component {
            caller: self.clone(),
            id,
            options: CallOptions {
                context,
                ..CallOptions::default()
            },
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("lattice", &self.shared.lattice)
            .field("provider", &self.shared.provider)
            .finish_non_exhaustive()
    }
}

// ===== impl Component =====

impl Component {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How long a call may take until its results are there. Default 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Tells the component over which link it is called. Providers of 1.9 do not.
    #[must_use]
    pub fn link_name(mut self, name: impl Into<String>) -> Self {
        self.options.context.link_name = Some(name.into());
        self
    }

    /// Makes calls within a call that is being answered: with its trace and depth, so that calls in a circle end.
    #[must_use]
    pub fn within(mut self, call: &Call) -> Self {
        let outer = call.context();
        let context = &mut self.options.context;
        context.trace_parent.clone_from(&outer.trace_parent);
        context.trace_state.clone_from(&outer.trace_state);
        context.depth = outer.depth;
        self
    }

    /// Makes calls with this W3C trace context.
    #[must_use]
    pub fn trace(mut self, parent: impl Into<String>, state: Option<String>) -> Self {
        self.options.context.trace_parent = Some(parent.into());
        self.options.context.trace_state = state;
        self
    }

    /// Calls a function of fully qualified `instance`, such as `wrpc:http/incoming-handler@0.1.0`, once. `P` is the tuple
    /// of parameters, `R` the result, `()` where there is none. Dropping the future gives the call up.
    ///
    /// # Errors
    ///
    /// [`CallError`]; [`CallError::NoResponders`] also when a name cannot be part of a subject.
    pub async fn call<P: Tuple + Encode, R: Payload + Decode>(
        &self,
        instance: &str,
        function: &str,
        params: P,
    ) -> Result<R, CallError> {
        let function = self.function::<P, R>(instance, function);
        function.map_err(unservable)?.call(&params).await
    }

    /// A function of the component, by the tuple `P` of the types of its parameters and the type of its result.
    ///
    /// # Errors
    ///
    /// When a name cannot be part of a subject, or values of the types cannot cross the wire.
    pub fn function<P: Tuple, R: Payload>(
        &self,
        instance: &str,
        function: &str,
    ) -> Result<ComponentCall<P, R>, FunctionError> {
        let shared = &self.caller.shared;
        let prefix = Prefix::new(&shared.lattice, &self.id)?;
        let signature = Arc::new(Signature::new(P::members(), R::payload_ty())?);
        Ok(ComponentCall {
            component: self.clone(),
            function: Function::new(&prefix, instance, function, signature)?,
            types: PhantomData,
        })
    }
}

/// Who has no subject is served by nobody; types that cannot cross the wire cannot be encoded.
fn unservable(error: FunctionError) -> CallError {
    match error {
        FunctionError::Type(_) => CallError::Params(weft_wrpc::codec::Error::Mismatch {
            expected: error.to_string(),
        }),
        _ => CallError::NoResponders,
    }
}

// ===== impl ComponentCall =====

impl<P, R: Payload + Decode> ComponentCall<P, R> {
    /// Calls it. `params` may be of other Rust types than `P`, such as references, or streams that go out, as long as they
    /// stand for the same types of WIT. Streams among them are written while the call runs, by who has their writers.
    /// Dropping the future gives the call up.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn call<V: Encode + ?Sized>(&self, params: &V) -> Result<R, CallError> {
        let endpoint = &self.component.caller.shared.endpoint;
        let options = &self.component.options;
        let results = endpoint.call::<V, Results<R>>(&self.function, params, options);
        Ok(results.await?.0)
    }
}

// ===== impl Results =====

impl<R: Decode> Decode for Results<R> {
    fn decode(reader: &mut weft_wrpc::codec::Reader<'_>) -> Result<Self, weft_wrpc::codec::Error> {
        reader.at(0, R::decode).map(Self)
    }
}
