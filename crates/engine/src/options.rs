//! Settings of the engine.

use std::path::PathBuf;
use std::time::Duration;

use weft_model::limits::Limits;

/// Settings of an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Options {
    /// Directory for compiled code; created private to its owner. `None` compiles each time.
    pub cache_dir: Option<PathBuf>,
    /// Bytes of compiled code kept in `cache_dir`; the least recently used entries go first.
    pub cache_bytes_max: u64,
    /// Bytes of a component or core module as delivered.
    pub component_bytes_max: usize,
    /// How many components are compiled at once.
    pub compile_jobs_max: usize,
    /// Slots for instances.
    pub pool: Pool,
    /// Limits of components that ask for none.
    pub limits: Limits,
    /// What a component gets at most, whatever it asks for.
    pub limits_max: Limits,
    /// How often running guest code is interrupted, so that others get their turn and deadlines are seen.
    pub tick: Duration,
}

/// Sizes of the pool of instance slots.
///
/// A slot is address space, reserved once; memory is used only by what guests touch. After use a slot keeps some of its
/// pages for the next instance: at most [`Pool::resident_bytes_max`] in total.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Calls that may run at once, over all components.
    pub slots_max: u32,
    /// Unused slots that keep their pages.
    pub warm_slots_max: u32,
    /// Bytes of each linear memory that a warm slot keeps.
    pub memory_kept_bytes: usize,
    /// Bytes of each table that a warm slot keeps.
    pub table_kept_bytes: usize,
    /// Bytes of each stack that a warm slot keeps.
    pub stack_kept_bytes: usize,
    /// Core instances that one component instance may consist of.
    pub component_core_instances_max: u32,
    /// Linear memories that one component instance may have.
    pub component_memories_max: u32,
    /// Tables that one component instance may have.
    pub component_tables_max: u32,
    /// Elements that one table may have.
    pub table_elements_max: usize,
    /// Bytes that one linear memory may have.
    pub memory_bytes_max: usize,
    /// Percentage of `slots_max` that is kept for calls between components, so that calls which arrive from outside
    /// cannot starve the calls they lead to.
    pub nested_share_percent: u32,
}

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_bytes_max: 4 << 30,
            component_bytes_max: 64 << 20,
            compile_jobs_max: std::thread::available_parallelism().map_or(1, usize::from),
            pool: Pool::default(),
            limits: Limits::DEFAULT,
            limits_max: Limits::HOST_MAX,
            tick: Duration::from_millis(2),
        }
    }
}

// ===== impl Pool =====

impl Pool {
    /// Linear memories that one slot stands for.
    pub(crate) const MEMORIES_PER_SLOT: u32 = 2;
    /// Tables that one slot stands for.
    pub(crate) const TABLES_PER_SLOT: u32 = 4;

    /// The most that idle slots keep resident, in bytes: warm slots times kept bytes.
    pub fn resident_bytes_max(&self) -> u64 {
        let slot = self.memory_kept_bytes as u64
            + self.table_kept_bytes as u64
            + self.stack_kept_bytes as u64;
        u64::from(self.warm_slots_max) * slot
    }

    /// How many slots an instance with so many memories and tables takes.
    pub(crate) fn slots_of(memories: u32, tables: u32) -> u32 {
        memories
            .div_ceil(Self::MEMORIES_PER_SLOT)
            .max(tables.div_ceil(Self::TABLES_PER_SLOT))
            .max(1)
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            slots_max: 1000,
            warm_slots_max: 100,
            memory_kept_bytes: 2 << 20,
            table_kept_bytes: 64 << 10,
            stack_kept_bytes: 32 << 10,
            component_core_instances_max: 128,
            component_memories_max: 16,
            component_tables_max: 64,
            table_elements_max: 100_000,
            memory_bytes_max: 4 << 30,
            nested_share_percent: 20,
        }
    }
}
