//! The thread that interrupts running guest code at a steady rate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// Ticks without guest code after which the thread goes to sleep until guest code runs again.
const IDLE_TICKS_MAX: u32 = 256;

/// Handle to the thread; the thread ends some time after the last handle is gone.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    /// Whether guest code ran since the thread last looked.
    is_active: AtomicBool,
    engines: Mutex<Vec<EngineWeak>>,
}

// ===== impl Ticker =====

impl Ticker {
    /// Starts a thread that raises the epoch of its engines every `period` while guest code runs.
    ///
    /// # Errors
    ///
    /// The operating system refuses another thread.
    pub(crate) fn start(period: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            is_active: AtomicBool::new(true),
            engines: Mutex::new(Vec::new()),
        });
        let weak = Arc::downgrade(&shared);
        let handle = thread::Builder::new()
            .name("weft-ticker".to_owned())
            .spawn(move || run(&weak, period))?;
        Ok(Self {
            shared,
            thread: handle.thread().clone(),
        })
    }

    /// Raises the epoch of `engine` too, from the next time that the thread looks.
    pub(crate) fn add(&self, engine: EngineWeak) {
        self.shared.engines().push(engine);
    }

    /// Notes that guest code runs. Cheap when it has been noted already.
    pub(crate) fn note_activity(&self) {
        // Reading first keeps the line shared between cores.
        if !self.shared.is_active.load(Ordering::Relaxed)
            && !self.shared.is_active.swap(true, Ordering::AcqRel)
        {
            self.thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.note_activity();
    }
}

impl Shared {
    fn engines(&self) -> MutexGuard<'_, Vec<EngineWeak>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(shared: &Weak<Shared>, period: Duration) {
    let mut idle_ticks = 0;
    loop {
        thread::sleep(period);
        let Some(shared) = shared.upgrade() else {
            return;
        };
        for engine in shared.engines().iter() {
            if let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
            }
        }
        if shared.is_active.swap(false, Ordering::AcqRel) {
            idle_ticks = 0;
            continue;
        }
        idle_ticks += 1;
        if idle_ticks > IDLE_TICKS_MAX {
            idle_ticks = 0;
            // `note_activity` unparks after it has set the flag, so a wake-up between the swap and `park` is not lost.
            drop(shared);
            thread::park();
        }
    }
}
