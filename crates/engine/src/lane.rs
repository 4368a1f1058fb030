//! The two Wasmtime engines: one without and one with support for concurrent calls.
//!
//! Wasmtime runs every call of an engine with `concurrency_support` through an event loop. A WASI 0.2 component gains
//! nothing from it and was measured to answer 1.6 times as many requests without (docs/design/engine.md), so components
//! that use nothing of the asynchronous component model run in the sequential lane.

use std::hash::{Hash as _, Hasher};

use blake3::Hash;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::admission::PoolSlots;
use crate::context::StoreContext;
use crate::engine::Family;
use crate::error::StartError;
use crate::options::Pool;

/// Which engine a component runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LaneKind {
    /// For components that use nothing of the asynchronous component model.
    Sequential,
    /// For the others.
    Concurrent,
}

/// One engine with what belongs to it.
pub(crate) struct Lane {
    pub(crate) kind: LaneKind,
    pub(crate) engine: wasmtime::Engine,
    /// WASI, HTTP and the families, ready to be extended for each component.
    pub(crate) linker: Linker<StoreContext>,
    pub(crate) slots: PoolSlots,
    /// Stands for everything of the engine that compiled code depends on: version, target, settings.
    pub(crate) compatibility: Hash,
    /// Whether instances come from a pool, or are allocated one by one because no pool could be had.
    pub(crate) is_pooled: bool,
}

// ===== impl LaneKind =====

impl LaneKind {
    /// The name in cache keys.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Concurrent => "concurrent",
        }
    }
}

// ===== impl Lane =====

impl Lane {
    /// Makes the engine, with a pool if the address space for it can be had.
    pub(crate) fn new(
        kind: LaneKind,
        pool: &Pool,
        families: &[Box<dyn Family>],
    ) -> Result<Self, StartError> {
        let (engine, is_pooled) = match wasmtime::Engine::new(&pooled_config(kind, pool)) {
            Ok(engine) => (engine, true),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    slots = pool.slots_max,
                    "No address space for the pool of instances, allocating each by itself: calls will be slower"
                );
                let engine =
                    wasmtime::Engine::new(&unpooled_config(kind)).map_err(StartError::Engine)?;
                (engine, false)
            }
        };
        let mut linker = Linker::new(&engine);
        link_wasi(kind, &mut linker).map_err(StartError::Engine)?;
        for family in families {
            family.link(&mut linker).map_err(StartError::Engine)?;
        }
        Ok(Self {
            kind,
            compatibility: compatibility(&engine),
            engine,
            linker,
            slots: PoolSlots::new(pool.slots_max, pool.nested_share_percent),
            is_pooled,
        })
    }
}

/// Feeds what implements [`std::hash::Hash`] to a hash that is the same in every process.
struct StableHasher(blake3::Hasher);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

fn compatibility(engine: &wasmtime::Engine) -> Hash {
    let mut hasher = StableHasher(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize()
}

fn link_wasi(kind: LaneKind, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    if kind == LaneKind::Concurrent {
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
    }
    Ok(())
}

fn base_config(kind: LaneKind) -> Config {
    let mut config = Config::new();
    config
        .concurrency_support(kind == LaneKind::Concurrent)
        .epoch_interruption(true)
        .memory_init_cow(true);
    config
}

fn pooled_config(kind: LaneKind, pool: &Pool) -> Config {
    let slots = pool.slots_max;
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(slots.saturating_mul(pool.component_core_instances_max))
        .total_memories(slots.saturating_mul(Pool::MEMORIES_PER_SLOT))
        .total_tables(slots.saturating_mul(Pool::TABLES_PER_SLOT))
        .max_core_instances_per_component(pool.component_core_instances_max)
        .max_memories_per_component(pool.component_memories_max)
        .max_tables_per_component(pool.component_tables_max)
        .max_memories_per_module(pool.component_memories_max)
        .max_tables_per_module(pool.component_tables_max)
        .table_elements(pool.table_elements_max)
        .max_memory_size(pool.memory_bytes_max)
        .max_unused_warm_slots(pool.warm_slots_max)
        .linear_memory_keep_resident(pool.memory_kept_bytes)
        .table_keep_resident(pool.table_kept_bytes)
        .async_stack_keep_resident(pool.stack_kept_bytes);
    // Finds the pages that a guest has touched instead of clearing all that are kept; Linux 6.7 and later have it.
    pooling.pagemap_scan(Enabled::Auto);
    let mut config = base_config(kind);
    config
        .memory_reservation(4 << 30)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    config
}

fn unpooled_config(kind: LaneKind) -> Config {
    let mut config = base_config(kind);
    config
        .memory_reservation(0)
        .memory_guard_size(0)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}
