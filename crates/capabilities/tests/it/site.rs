//! An engine, an HTTP server and guests between them, without a lattice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_capabilities::config::Config;
use weft_capabilities::http_server::{self, HttpServer, PathRule, Rule};
use weft_capabilities::keyvalue::{Backend, Memory};
use weft_engine::route::{Route, RouteTable, SlotRoutes};
use weft_engine::world::Provision;
use weft_engine::{Code, Denial, DenialReason, Engine, LoadError, Options, Origin, Program};
use weft_model::limits::LimitOverrides;

/// Guests behind an HTTP server, each on an address of its own.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) server: HttpServer,
    programs: BTreeMap<String, Arc<Program>>,
    addresses: BTreeMap<String, SocketAddr>,
    configs: BTreeMap<String, Arc<Config>>,
    keyvalue: Arc<Backend>,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::with(Options::default(), http_server::Options::default())
    }

    pub(crate) fn with(mut engine: Options, http: http_server::Options) -> Self {
        engine.cache_dir = Some(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
        Self {
            engine: Engine::start(engine, weft_capabilities::families()).unwrap(),
            server: HttpServer::start(http).unwrap(),
            programs: BTreeMap::new(),
            addresses: BTreeMap::new(),
            configs: BTreeMap::new(),
            keyvalue: Arc::new(Backend(Arc::new(Memory::default()))),
        }
    }

    /// Runs the guest `name` under its own name, within `limits`.
    pub(crate) async fn run(
        &mut self,
        name: &str,
        instances: u32,
        limits: LimitOverrides,
    ) -> Arc<Program> {
        let (code, _) = load(&self.engine, name).await.unwrap();
        let program = self
            .engine
            .link(&code, name.parse().unwrap(), instances, &limits)
            .unwrap();
        self.configs.insert(name.to_owned(), Arc::default());
        self.programs.insert(name.to_owned(), Arc::clone(&program));
        self.route();
        self.serve(name, &program);
        program
    }

    /// The address of a guest that answers HTTP.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name]
    }

    /// The config of a guest.
    pub(crate) fn config(&self, name: &str) -> &Config {
        &self.configs[name]
    }

    /// Links every import to whatever provides it, as far as something does.
    fn route(&self) {
        for (name, program) in &self.programs {
            let slots = program
                .world()
                .imports()
                .iter()
                .enumerate()
                .map(|(slot, import)| {
                    let interface = &import.interface.interface;
                    let default = if weft_capabilities::needs_no_link(interface) {
                        Route::BuiltIn(Arc::clone(&self.configs[name]) as _)
                    } else if import.provision == Provision::Family {
                        Route::BuiltIn(Arc::clone(&self.keyvalue) as _)
                    } else {
                        self.programs
                            .values()
                            .find_map(|target| program.route_to(slot, target).ok())
                            .unwrap_or_else(|| {
                                Route::Denied(Arc::new(Denial {
                                    source: name.clone(),
                                    interface: interface.clone(),
                                    link_name: "default".to_owned(),
                                    reason: DenialReason::NoLink,
                                }))
                            })
                    };
                    SlotRoutes {
                        default,
                        named: Vec::new(),
                    }
                })
                .collect();
            program.set_routes(RouteTable::new(slots));
        }
    }

    fn serve(&mut self, name: &str, program: &Arc<Program>) {
        if !program.world().handles_http() {
            return;
        }
        // Two guests cannot both ask for port 0 of one address: that is one listener. Each has a loopback address.
        let host = u8::try_from(self.addresses.len() + 2).unwrap();
        let asked = SocketAddr::from(([127, 0, 0, host], 0));
        let rule = Rule {
            elsewhere: None,
            component: name.parse().unwrap(),
            program: Some(Arc::clone(program)),
            host: None,
            path: PathRule::Any,
            is_readonly: false,
            cache_control: None,
            head_timeout: None,
        };
        let errors = self
            .server
            .apply(&name.parse().unwrap(), vec![(asked, rule)]);
        assert!(errors.is_empty(), "{errors:?}");
        self.addresses
            .insert(name.to_owned(), self.server.bound(asked).unwrap());
    }
}

pub(crate) async fn load(engine: &Engine, name: &str) -> Result<(Code, Origin), LoadError> {
    engine.load(guest(name).into()).await
}

/// The bytes of a guest.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let path = guests_dir().join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; build the guests with `cargo xtask guests`",
            path.display()
        )
    })
}

fn guests_dir() -> PathBuf {
    match std::env::var_os("WEFT_GUESTS") {
        Some(dir) => dir.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests/components"),
    }
}

/// No limits beside the defaults.
pub(crate) fn no_limits() -> LimitOverrides {
    LimitOverrides::default()
}
