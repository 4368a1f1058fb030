//! The data of a store: what one instance has while it lives.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, LazyLock};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
    WasiHttpView,
};
use weft_model::id::{ComponentId, LinkName};
use weft_model::interface::InterfaceName;

use crate::call::{CallClock, CallContext};
use crate::error::Denial;
use crate::http::OutgoingBackend;
use crate::limiter::Limiter;
use crate::log::{GuestStream, Stream};
use crate::program::Program;
use crate::route::Route;

/// Writes that a guest may be ahead of the socket. Above one, so that a short answer is complete at once and the guest
/// need not be woken again to end.
const BODY_CHUNKS_AHEAD: usize = 4;
/// Bytes of one such write.
const BODY_CHUNK_BYTES: usize = 64 << 10;

/// Resources of the host that an instance may have at once, such as buckets, streams and sets of headers.
const RESOURCES_MAX: usize = 4096;
/// Bytes of one set of headers that a guest makes.
const FIELDS_BYTES_MAX: usize = 64 << 10;

/// What an instance has: its WASI state, its limits, its routes. One concrete type for all components, so that bindings
/// are compiled once.
pub struct StoreContext {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: HttpHooks,
    /// By which links imports are called that are not called by `default`: the instance's own choice, which ends with it.
    link_names: BTreeMap<InterfaceName, LinkName>,
    pub(crate) limiter: Limiter,
    pub(crate) program: Arc<Program>,
    pub(crate) call: CallContext,
    pub(crate) clock: Arc<CallClock>,
}

/// The interfaces by which guests send requests, of WASI 0.2 and 0.3.
static OUTGOING: LazyLock<[InterfaceName; 2]> = LazyLock::new(|| {
    ["wasi:http/outgoing-handler", "wasi:http/client"].map(|name| {
        name.parse()
            .expect("the name of a WASI interface is well formed")
    })
});

/// How `wasi:http` behaves for guests.
struct HttpHooks {
    program: Arc<Program>,
    call: CallContext,
    /// What is chosen for [`OUTGOING`], in its order.
    link_names: [Option<LinkName>; 2],
}

// ===== impl StoreContext =====

impl StoreContext {
    pub(crate) fn new(program: Arc<Program>, call: CallContext, clock: Arc<CallClock>) -> Self {
        let limits = program.limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        Self {
            table,
            wasi: WasiCtx::builder()
                .stdout(GuestStream::new(Arc::clone(program.log()), Stream::Stdout))
                .stderr(GuestStream::new(Arc::clone(program.log()), Stream::Stderr))
                .allow_tcp(false)
                .allow_udp(false)
                .build(),
            http,
            hooks: HttpHooks {
                program: Arc::clone(&program),
                call: call.clone(),
                link_names: [None, None],
            },
            link_names: BTreeMap::new(),
            limiter: Limiter::new(limits.memory_bytes_max, limits.table_elements_max),
            program,
            call,
            clock,
        }
    }

    /// The component that this is an instance of.
    pub fn component(&self) -> &ComponentId {
        self.program.component()
    }

    /// Resources that the instance holds handles to.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// The call that the instance lives for.
    pub fn call(&self) -> &CallContext {
        &self.call
    }

    /// Whether the component may write one more log record now; counts it.
    pub fn admits_log_record(&self) -> bool {
        self.program.log().admits()
    }

    /// The backend that the import of `interface` leads to now.
    ///
    /// # Errors
    ///
    /// [`Denial`] when no link leads to a backend of type `T`.
    pub fn backend<T: Any + Send + Sync>(
        &self,
        interface: &InterfaceName,
    ) -> Result<Arc<T>, Arc<Denial>> {
        let slot = self.program.world().slot(interface);
        let routes = self.program.routes().load();
        let name = self.link_name(interface);
        match slot.and_then(|slot| routes.route(slot, name)) {
            Some(Route::BuiltIn(backend)) => Arc::clone(backend)
                .downcast()
                .map_err(|_| self.program.denial(interface, name)),
            Some(Route::Denied(denial)) => Err(Arc::clone(denial)),
            Some(Route::Local(_) | Route::Remote(_) | Route::Spilling(..)) | None => {
                Err(self.program.denial(interface, name))
            }
        }
    }

    /// The link by which the instance calls an interface; `None` for `default`.
    pub fn link_name(&self, interface: &InterfaceName) -> Option<&LinkName> {
        self.link_names.get(interface)
    }

    /// Whether there is a link named `name`, which is not `default`, for an import of the component.
    pub fn has_link(&self, interface: &InterfaceName, name: &LinkName) -> bool {
        let slot = self.program.world().slot(interface);
        let routes = self.program.routes().load();
        slot.is_some_and(|slot| routes.route(slot, Some(name)).is_some())
    }

    /// Lets the instance call an interface by links named `name` from now on; whether there are any shows when it does. For
    /// what the component does not import nothing is kept.
    pub fn set_link_name(&mut self, interface: &InterfaceName, name: LinkName) {
        if self.program.world().slot(interface).is_none() {
            return;
        }
        let name = Some(name).filter(|name| *name != LinkName::default());
        if let Some(position) = OUTGOING.iter().position(|other| other == interface) {
            self.hooks.link_names[position].clone_from(&name);
        }
        match name {
            Some(name) => self.link_names.insert(interface.clone(), name),
            None => self.link_names.remove(interface),
        };
    }

    /// The context of a call that the instance makes by a host function.
    pub fn outgoing_call(&self) -> CallContext {
        let program = &self.program;
        let context = self.call.nested(program.component(), program.lane.kind);
        context.in_own_task()
    }
}

impl WasiView for StoreContext {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for StoreContext {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

// ===== impl HttpHooks =====

impl HttpHooks {
    /// What sends requests on, by whichever of [`OUTGOING`] leads to something that does.
    fn outgoing(&self) -> Result<Arc<OutgoingBackend>, Arc<Denial>> {
        let routes = self.program.routes().load();
        let world = self.program.world();
        let mut denied = None;
        for (interface, name) in OUTGOING.iter().zip(&self.link_names) {
            let name = name.as_ref();
            let slot = world.slot(interface);
            match slot.and_then(|slot| routes.route(slot, name)) {
                Some(Route::BuiltIn(backend)) => {
                    if let Ok(backend) = Arc::clone(backend).downcast() {
                        return Ok(backend);
                    }
                }
                Some(Route::Denied(denial)) => denied = denied.or_else(|| Some(Arc::clone(denial))),
                _ => {}
            }
        }
        let [interface, _] = &*OUTGOING;
        Err(denied.unwrap_or_else(|| self.program.denial(interface, self.link_names[0].as_ref())))
    }
}

type SentRequest = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ),
    HttpError,
>;

impl WasiHttpHooks for HttpHooks {
    /// Sends it to what the route leads to. Where there is none, the guest is told as 1.9 tells it (spec §4.7).
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_result: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = SentRequest> + Send> {
        let backend = match self.outgoing() {
            Ok(backend) => backend,
            Err(denial) => {
                let text = format!("{denial}; {}", denial.hint());
                let error = HttpError::InternalError(Some(text));
                return Box::new(std::future::ready(Err(error)));
            }
        };
        let program = &self.program;
        let context = self.call.nested(program.component(), program.lane.kind);
        let sent = backend.0.send(request, options, context.in_own_task());
        Box::new(async move {
            let ended: Box<dyn Future<Output = Result<(), HttpError>> + Send> =
                Box::new(std::future::ready(Ok(())));
            Ok((sent.await?, ended))
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BODY_CHUNKS_AHEAD
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }
}
