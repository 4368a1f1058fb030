//! Accounting of memory and tables of one instance, over all of its core instances.

use wasmtime::ResourceLimiter;

/// Refuses growth beyond a total.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    /// What the last permitted growth added, to be taken back when it fails.
    last_growth: u64,
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
            last_growth: 0,
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
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let total = self.memory_bytes.saturating_add(growth);
        if total > self.memory_bytes_max {
            self.refusal = Some(Refusal::Memory {
                bytes_max: self.memory_bytes_max,
            });
            return Ok(false);
        }
        self.memory_bytes = total;
        self.last_growth = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current) as u64;
        let total = self.table_elements.saturating_add(growth);
        if total > self.table_elements_max {
            self.refusal = Some(Refusal::Table {
                elements_max: self.table_elements_max,
            });
            return Ok(false);
        }
        self.table_elements = total;
        self.last_growth = growth;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements = self.table_elements.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert_eq!(limiter.refusal(), Some(Refusal::Memory { bytes_max: 100 }));
        assert!(limiter.memory_growing(60, 100, None).unwrap());
        limiter
            .memory_grow_failed(wasmtime::format_err!("no memory"))
            .unwrap();
        assert_eq!(limiter.memory_bytes, 60);
    }

    #[test]
    fn all_tables_count_together() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.table_growing(0, 6, None).unwrap());
        assert!(!limiter.table_growing(0, 6, None).unwrap());
        assert_eq!(limiter.refusal(), Some(Refusal::Table { elements_max: 10 }));
    }
}
