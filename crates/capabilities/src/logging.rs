//! `wasi:logging`: records of guests become records of the host, with the component's id (spec §11.2).

use std::sync::LazyLock;

use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker};
use weft_engine::{Family, StoreContext};
use weft_model::interface::InterfaceName;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/logging",
        world: "wasi:logging/imports",
        imports: { default: trappable },
    });
}

use bindings::wasi::logging::logging::{self, Level};

/// The longest message and context that are logged, in bytes; more is cut off.
const MESSAGE_BYTES_MAX: usize = 8 << 10;

static LOGGING: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasi:logging/logging"));

/// Serves the family to guests.
pub struct Guest;

/// Whether `interface` is one of this family.
pub fn is_logging(interface: &InterfaceName) -> bool {
    *interface == *LOGGING
}

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        vec![LOGGING.clone()]
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        logging::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        // Earlier components import it without a version.
        let mut unversioned = linker.instance(&LOGGING.to_string())?;
        unversioned.func_wrap(
            "log",
            |mut store: StoreContextMut<'_, StoreContext>, params: (Level, String, String)| {
                let (level, context, message) = params;
                logging::Host::log(store.data_mut(), level, context, message)
            },
        )
    }
}

impl logging::Host for StoreContext {
    fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        if !self.admits_log_record() {
            return Ok(());
        }
        let (context, message) = (cut(&context), cut(&message));
        let component = self.component();
        // The level has to be a constant of each record.
        match level {
            Level::Trace => {
                tracing::trace!(target: "weft::guest", context, component.id = %component, "{message}")
            }
            Level::Debug => {
                tracing::debug!(target: "weft::guest", context, component.id = %component, "{message}")
            }
            Level::Info => {
                tracing::info!(target: "weft::guest", context, component.id = %component, "{message}")
            }
            Level::Warn => {
                tracing::warn!(target: "weft::guest", context, component.id = %component, "{message}")
            }
            Level::Error | Level::Critical => {
                tracing::error!(target: "weft::guest", context, component.id = %component, "{message}");
            }
        }
        Ok(())
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)]
}
