//! The engine: loads bytes into code and links code into programs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use blake3::Hash;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task;
use wasmtime::component::{Component, Linker};
use weft_model::id::ComponentId;
use weft_model::interface::InterfaceName;
use weft_model::limits::LimitOverrides;
use weft_model::problem::render_chain;

use crate::adapt;
use crate::admission::Admission;
use crate::cache::Cache;
use crate::context::StoreContext;
use crate::error::{LinkError, LoadError, StartError};
use crate::headroom;
use crate::http::Handler;
use crate::lane::{Lane, LaneKind};
use crate::link;
use crate::log::GuestLog;
use crate::options::{Options, Pool};
use crate::program::{Counters, Program};
use crate::route::RouteTable;
use crate::ticker::Ticker;
use crate::world::World;

/// A capability family as the engine sees it: interfaces that are provided by backends, chosen by routes.
pub trait Family: Send + Sync + 'static {
    /// The interfaces of the family, of any version.
    fn interfaces(&self) -> Vec<InterfaceName>;

    /// Adds the family's host functions.
    ///
    /// # Errors
    ///
    /// Those of Wasmtime; they mean that two families overlap.
    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()>;
}

/// Compiles, caches and links components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    families: Vec<Box<dyn Family>>,
    family_interfaces: BTreeSet<InterfaceName>,
    cache: Option<Cache>,
    compile_permits: Arc<Semaphore>,
    sequential: Arc<Lane>,
    /// Made when the first component needs it: a second pool costs address space and start-up time.
    concurrent: OnceLock<Result<Arc<Lane>, String>>,
    /// Code in use, by content: two components made of the same bytes share it.
    loaded: Mutex<BTreeMap<[u8; 32], Weak<LoadedCode>>>,
    ticker: Ticker,
}

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Code {
    loaded: Arc<LoadedCode>,
}

struct LoadedCode {
    lane: Arc<Lane>,
    component: Component,
    world: Arc<World>,
    /// Slots of the pool that an instance takes.
    slots: u32,
}

/// Where code came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// It was in use already.
    Loaded,
    /// It was in the cache on disk.
    Cached,
    /// It was compiled.
    Compiled,
}

// ===== impl Engine =====

impl Engine {
    /// Starts the engine with the capability `families` it links components to.
    ///
    /// A cache directory that cannot be used is logged, and components are compiled each time.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(options: Options, families: Vec<Box<dyn Family>>) -> Result<Self, StartError> {
        let cache = options.cache_dir.as_deref().and_then(|dir| {
            Cache::open(dir, options.cache_bytes_max)
                .inspect_err(|error| {
                    tracing::warn!(
                        error = render_chain(error),
                        "No compile cache, components are compiled at each start"
                    );
                })
                .ok()
        });
        let sequential = Arc::new(Lane::new(LaneKind::Sequential, &options.pool, &families)?);
        let ticker = Ticker::start(options.tick).map_err(StartError::Ticker)?;
        ticker.add(sequential.engine.weak());
        Ok(Self {
            shared: Arc::new(Shared {
                compile_permits: Arc::new(Semaphore::new(options.compile_jobs_max.max(1))),
                family_interfaces: families
                    .iter()
                    .flat_map(|family| family.interfaces())
                    .collect(),
                families,
                cache,
                sequential,
                concurrent: OnceLock::new(),
                loaded: Mutex::new(BTreeMap::new()),
                ticker,
                options,
            }),
        })
    }

    /// The settings it was started with.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Whether instances come from a pool; false where its address space could not be had.
    pub fn is_pooled(&self) -> bool {
        self.shared.sequential.is_pooled
    }

    /// Turns the bytes of a component, or of a core module with WIT types, into code: from memory, from the cache, or
    /// by compiling on another thread.
    ///
    /// Cancellation safe; a compilation that has begun goes on and fills the cache.
    ///
    /// # Errors
    ///
    /// [`LoadError`]; among them [`LoadError::Link`] for an import that nothing could provide, whatever the links.
    pub async fn load(&self, bytes: Bytes) -> Result<(Code, Origin), LoadError> {
        let bytes_max = self.shared.options.component_bytes_max;
        if bytes.len() > bytes_max {
            return Err(LoadError::TooLarge {
                bytes: bytes.len(),
                bytes_max,
            });
        }
        let permit = Arc::clone(&self.shared.compile_permits)
            .acquire_owned()
            .await
            .map_err(|_| LoadError::Interrupted)?;
        let engine = self.clone();
        let loading = task::spawn_blocking(move || {
            // Held by the work itself, which goes on when nobody waits for it any more.
            let _permit = permit;
            engine.load_blocking(&bytes)
        });
        loading.await.unwrap_or_else(|error| {
            Err(if error.is_panic() {
                LoadError::Compile {
                    reason: "the compiler panicked".to_owned(),
                }
            } else {
                LoadError::Interrupted
            })
        })
    }

    fn load_blocking(&self, bytes: &[u8]) -> Result<(Code, Origin), LoadError> {
        let content = blake3::hash(bytes);
        if let Some(loaded) = self.loaded(&content) {
            return Ok((Code { loaded }, Origin::Loaded));
        }
        let (lane, component, origin) = match self.load_cached(&content) {
            Some((lane, component)) => (lane, component, Origin::Cached),
            None => {
                let (lane, component) = self.compile(&content, bytes)?;
                (lane, component, Origin::Compiled)
            }
        };
        let world = World::of(&component, |interface| {
            self.shared.family_interfaces.contains(interface)
        })?;
        let slots = component.resources_required().map_or(1, |required| {
            Pool::slots_of(required.num_memories, required.num_tables)
        });
        if let Err(error) = component.initialize_copy_on_write_image() {
            tracing::debug!(
                error = format!("{error:#}"),
                "Cannot prepare memory images before the first call"
            );
        }
        let loaded = Arc::new(LoadedCode {
            lane,
            component,
            world: Arc::new(world),
            slots,
        });
        let mut index = self.loaded_index();
        index.retain(|_, code| code.strong_count() > 0);
        index.insert(*content.as_bytes(), Arc::downgrade(&loaded));
        Ok((Code { loaded }, origin))
    }

    fn loaded(&self, content: &Hash) -> Option<Arc<LoadedCode>> {
        self.loaded_index().get(content.as_bytes())?.upgrade()
    }

    fn loaded_index(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Weak<LoadedCode>>> {
        self.shared
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn load_cached(&self, content: &Hash) -> Option<(Arc<Lane>, Component)> {
        let cache = self.shared.cache.as_ref()?;
        for kind in [LaneKind::Sequential, LaneKind::Concurrent] {
            // The lane that is not up yet is brought up only when there is something to load into it.
            let name = self.entry_name(kind, content);
            let Ok(code) = cache.load(&name) else {
                continue;
            };
            let Ok(lane) = self.lane(kind) else {
                continue;
            };
            match deserialize(&lane.engine, &code) {
                Ok(component) => return Some((lane, component)),
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "Cannot load compiled code, compiling again"
                    );
                    cache.remove(&name);
                }
            }
        }
        None
    }

    fn compile(&self, content: &Hash, bytes: &[u8]) -> Result<(Arc<Lane>, Component), LoadError> {
        let bytes: Cow<'_, [u8]> = adapt::to_component(bytes)?;
        let bytes = headroom::add_headroom(&bytes);
        // What uses the asynchronous component model is refused by the sequential engine before any code is generated.
        let sequential = self.shared.sequential.engine.precompile_component(&bytes);
        let (kind, code) = match sequential {
            Ok(code) => (LaneKind::Sequential, code),
            Err(_) => {
                let code = self
                    .lane(LaneKind::Concurrent)?
                    .engine
                    .precompile_component(&bytes)
                    .map_err(|error| LoadError::Compile {
                        reason: format!("{error:#}"),
                    })?;
                (LaneKind::Concurrent, code)
            }
        };
        let lane = self.lane(kind)?;
        // The code was made just now by this very engine, so all that can be refused is its size against the pool's.
        let component =
            deserialize(&lane.engine, &code).map_err(|error| LoadError::TooManyParts {
                reason: format!("{error:#}"),
            })?;
        if let Some(cache) = &self.shared.cache
            && let Err(error) = cache.store(&self.entry_name(kind, content), &code)
        {
            tracing::warn!(error = %error, "Cannot write to the compile cache");
        }
        Ok((lane, component))
    }

    fn lane(&self, kind: LaneKind) -> Result<Arc<Lane>, LoadError> {
        match kind {
            LaneKind::Sequential => Ok(Arc::clone(&self.shared.sequential)),
            LaneKind::Concurrent => self
                .shared
                .concurrent
                .get_or_init(|| {
                    let lane = Lane::new(kind, &self.shared.options.pool, &self.shared.families)
                        .map_err(|error| format!("{:#}", wasmtime::Error::new(error)))?;
                    self.shared.ticker.add(lane.engine.weak());
                    Ok(Arc::new(lane))
                })
                .clone()
                .map_err(|reason| LoadError::Compile { reason }),
        }
    }

    /// The name of the cache entry: content, lane, and everything of the engine that code depends on.
    fn entry_name(&self, kind: LaneKind, content: &Hash) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(content.as_bytes());
        hasher.update(kind.as_str().as_bytes());
        hasher.update(self.shared.sequential.compatibility.as_bytes());
        hasher.update(headroom::VERSION.as_bytes());
        hasher.finalize()
    }

    /// Links `code` as `component`, with at most `instances_max` instances at once, under the default limits with
    /// `overrides` on top. Routes are those of [`Program::set_routes`]; until then every link is denied.
    ///
    /// # Errors
    ///
    /// [`LinkError::Mismatch`] when an import has another type than what the engine provides under its name.
    pub fn link(
        &self,
        code: &Code,
        component: ComponentId,
        instances_max: u32,
        overrides: &LimitOverrides,
    ) -> Result<Arc<Program>, LinkError> {
        let LoadedCode {
            lane,
            component: compiled,
            world,
            slots,
        } = &*code.loaded;
        let mismatch = |error: wasmtime::Error| LinkError::Mismatch {
            reason: format!("{error:#}"),
        };
        let mut linker = lane.linker.clone();
        link::link_imports(&mut linker, world)?;
        let pre = linker.instantiate_pre(compiled).map_err(mismatch)?;
        let handler = if world.handles_http() {
            Some(Handler::new(lane.kind, &pre, world).map_err(mismatch)?)
        } else {
            None
        };
        let options = &self.shared.options;
        let limits = options.limits.with(overrides, &options.limits_max);
        Ok(Arc::new(Program {
            log: Arc::new(GuestLog::new(component.clone())),
            component,
            engine: self.clone(),
            lane: Arc::clone(lane),
            pre,
            handler,
            world: Arc::clone(world),
            admission: Admission::new(
                instances_max,
                limits.queue_length_max,
                limits.queue_duration_max,
                *slots,
            ),
            limits,
            routes: ArcSwap::from_pointee(RouteTable::default()),
            counters: Counters::default(),
        }))
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.shared.ticker
    }
}

// ===== impl Code =====

impl Code {
    /// What the component imports and exports.
    pub fn world(&self) -> &World {
        &self.loaded.world
    }

    /// Which engine runs it.
    pub fn lane(&self) -> LaneKind {
        self.loaded.lane.kind
    }
}

/// Loads compiled code.
#[expect(
    unsafe_code,
    reason = "Wasmtime trusts compiled code; see the argument inside"
)]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` was made by `precompile_component` of this process a moment ago, or by an earlier process of the
    // same owner and read back from the cache, which lets nothing pass that is not sealed with the owner's key.
    unsafe { Component::deserialize(engine, code) }
}
