//! `wasi:config`: a component reads its own config, as it is at the time of the call (spec §11.2).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arc_swap::ArcSwap;
use wasmtime::component::{HasSelf, Linker};
use weft_engine::{Family, StoreContext};
use weft_model::interface::InterfaceName;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/config",
        world: "wasi:config/imports",
        imports: { default: trappable },
    });
}

use bindings::wasi::config::{runtime, store};

static STORE: LazyLock<InterfaceName> = LazyLock::new(|| crate::interface("wasi:config/store"));
static RUNTIME: LazyLock<InterfaceName> = LazyLock::new(|| crate::interface("wasi:config/runtime"));

/// The config of one component: what routes of `wasi:config` lead to. Its values can be exchanged while calls run.
#[derive(Debug, Default)]
pub struct Config {
    values: ArcSwap<BTreeMap<String, String>>,
}

/// Serves the family to guests.
pub struct Guest;

/// Whether `interface` is one of this family.
pub fn is_config(interface: &InterfaceName) -> bool {
    *interface == *STORE || *interface == *RUNTIME
}

// ===== impl Config =====

impl Config {
    /// A config with `values`.
    pub fn new(values: BTreeMap<String, String>) -> Self {
        Self {
            values: ArcSwap::from_pointee(values),
        }
    }

    /// Exchanges the values; the next read sees the new ones.
    pub fn set(&self, values: BTreeMap<String, String>) {
        self.values.store(values.into());
    }

    fn get(context: &StoreContext, interface: &InterfaceName, key: &str) -> Option<String> {
        let config = context.backend::<Self>(interface).ok()?;
        config.values.load().get(key).cloned()
    }

    fn get_all(context: &StoreContext, interface: &InterfaceName) -> Vec<(String, String)> {
        context.backend::<Self>(interface).map_or_else(
            |_| Vec::new(),
            |config| {
                let values = config.values.load();
                values
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            },
        )
    }
}

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        vec![STORE.clone(), RUNTIME.clone()]
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        store::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        runtime::add_to_linker::<_, HasSelf<_>>(linker, |context| context)
    }
}

impl store::Host for StoreContext {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(Config::get(self, &STORE, &key)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        Ok(Ok(Config::get_all(self, &STORE)))
    }
}

impl runtime::Host for StoreContext {
    fn get(
        &mut self,
        key: String,
    ) -> wasmtime::Result<Result<Option<String>, runtime::ConfigError>> {
        Ok(Ok(Config::get(self, &RUNTIME, &key)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, runtime::ConfigError>> {
        Ok(Ok(Config::get_all(self, &RUNTIME)))
    }
}
