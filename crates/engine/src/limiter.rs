//! Accounting of memory and tables of one instance, over all of its core instances.

use wasmtime::ResourceLimiter;

/// Refuses growth beyond a total.
///
/// What was permitted stays counted, even if it fails afterwards: Wasmtime reports failures of requests that it never
/// asked about, so a guest could have its earlier growth taken back by asking for the impossible. Requests beyond the
/// own maximum of a memory or table are refused without being counted; that leaves failures of the operating system.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    refusal: Option<Refusal>,
}

/// Which bound a guest ran into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The total of all linear memories, in bytes.
    Memory {
        /// The bound.
        bytes_max: u64,
    },
    /// The total of all tables, in elements.
    Table {
        /// The bound.
        elements_max: u64,
    },
}

// ===== impl Limiter =====

impl Limiter {
    pub(crate) fn new(memory_bytes_max: u64, table_elements_max: u64) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max,
            table_elements: 0,
            table_elements_max,
            refusal: None,
        }
    }

    /// The bound that was last refused to be passed, if any.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current) as u64;
        let total = self.memory_bytes.saturating_add(growth);
        if total > self.memory_bytes_max {
            self.refusal = Some(Refusal::Memory {
                bytes_max: self.memory_bytes_max,
            });
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current) as u64;
        let total = self.table_elements.saturating_add(growth);
        if total > self.table_elements_max {
            self.refusal = Some(Refusal::Table {
                elements_max: self.table_elements_max,
            });
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, Instance, Module, Store};

    use super::*;

    const PAGE: u64 = 64 << 10;

    #[test]
    fn all_memories_count_together() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refusal(), Some(Refusal::Memory { bytes_max: 100 }));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        assert!(!limiter.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn all_tables_count_together() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert!(!limiter.table_growing(0, 6, None).unwrap());
        assert_eq!(limiter.refusal(), Some(Refusal::Table { elements_max: 10 }));
    }

    /// Grows by `step`, then asks for something that cannot be, again and again; returns what there is in the end.
    fn grow_and_fail(module: &str, step: u32, impossible: u32) -> u32 {
        let engine = Engine::default();
        let module = Module::new(&engine, wat::parse_str(module).unwrap()).unwrap();
        let mut store = Store::new(&engine, Limiter::new(20 * PAGE, 200));
        store.limiter(|limiter| limiter);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let grow = instance
            .get_typed_func::<u32, u32>(&mut store, "grow")
            .unwrap();
        let size = instance
            .get_typed_func::<(), u32>(&mut store, "size")
            .unwrap();
        for _ in 0..100 {
            grow.call(&mut store, step).unwrap();
            assert_eq!(grow.call(&mut store, impossible).unwrap(), u32::MAX);
        }
        size.call(&mut store, ()).unwrap()
    }

    #[test]
    fn failed_growth_takes_nothing_back() {
        let memory = r#"(module (memory 1)
            (func (export "grow") (param i32) (result i32) local.get 0 memory.grow)
            (func (export "size") (result i32) memory.size))"#;
        assert_eq!(grow_and_fail(memory, 1, 65_536), 20);
        let table = r#"(module (table 1 1000 funcref)
            (func (export "grow") (param i32) (result i32) ref.null func local.get 0 table.grow)
            (func (export "size") (result i32) table.size))"#;
        assert_eq!(grow_and_fail(table, 4, 5000), 197);
        assert_eq!(grow_and_fail(table, 4, u32::MAX - 1), 197);
    }
}
