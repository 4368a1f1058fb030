//! An end for `cargo xtask bench rpc`: a host without a lattice, whose component is called from another such host, or calls
//! there. Prints what it measured as one line of JSON.
//!
//! ```text
//! bench_components serve URL GUEST
//! bench_components call URL GUEST CONCURRENCY MILLISECONDS
//! ```
//!
//! The guest is `chain`: a call of it with 1 makes one call with 0 over the wire, each in a fresh instance.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::Val;
use weft_capabilities::remote::{Target, Wire};
use weft_engine::route::{Route, RouteTable, SlotRoutes};
use weft_engine::world::Provision;
use weft_engine::{CallContext, Denial, DenialReason, Engine, ExportTarget, Options, Program};
use weft_model::limits::LimitOverrides;
use weft_runtime::Tasks;
use weft_wrpc::Endpoint;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const INSTANCES: u32 = 256;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    runtime.block_on(async {
        match arguments.as_slice() {
            ["serve", url, guest] => serve(url, guest).await,
            ["call", url, guest, concurrency, time] => {
                let time = Duration::from_millis(time.parse()?);
                call(url, guest, concurrency.parse()?, time).await
            }
            _ => Err("see the top of the example".into()),
        }
    })
}

async fn wire(url: &str) -> Outcome<Wire> {
    let tasks = Tasks::new();
    let nats = async_nats::connect(url).await?;
    let endpoint = Endpoint::new(nats, &tasks, weft_wrpc::Options::default()).await?;
    Ok(Wire::new(endpoint, "default".parse()?, tasks))
}

async fn load(id: &str, guest: &str) -> Outcome<Arc<Program>> {
    let engine = Engine::start(Options::default(), weft_capabilities::families())?;
    let (code, _) = engine.load(std::fs::read(guest)?.into()).await?;
    let limits = LimitOverrides::default();
    Ok(engine.link(&code, id.parse()?, INSTANCES, &limits)?)
}

async fn serve(url: &str, guest: &str) -> Outcome<()> {
    let (wire, program) = (wire(url).await?, load("callee", guest).await?);
    let _serving = wire.serve(&program).await?;
    writeln!(std::io::stdout(), "ready")?;
    std::future::pending::<()>().await;
    Ok(())
}

/// The function of the component that makes calls, with its import led to the other host.
fn caller(wire: &Wire, program: &Arc<Program>) -> Outcome<ExportTarget> {
    let world = program.world();
    let mut slots = Vec::new();
    for import in world.imports() {
        let default = if import.provision == Provision::Link {
            let (target, link) = ("callee".parse()?, "default".parse()?);
            Route::Remote(Target::new(wire, &target, &link, world, import)?)
        } else {
            Route::Denied(Arc::new(Denial {
                source: "caller".to_owned(),
                interface: import.interface.interface.clone(),
                link_name: "default".to_owned(),
                reason: DenialReason::NoLink,
            }))
        };
        let named = Vec::new();
        slots.push(SlotRoutes { default, named });
    }
    program.set_routes(RouteTable::new(slots));
    let hop = "test:chain/hop";
    let exports = world.exports().iter();
    let mut exports = exports.enumerate();
    let found = exports.find(|(_, export)| export.interface.interface.to_string() == hop);
    let (position, _) = found.ok_or("the guest is not `chain`")?;
    let target = program.targets(position).into_iter().next();
    target.ok_or_else(|| "the guest is not `chain`".into())
}

async fn call(url: &str, guest: &str, concurrency: usize, time: Duration) -> Outcome<()> {
    let (wire, program) = (wire(url).await?, load("caller", guest).await?);
    let function = caller(&wire, &program)?;
    let end = Instant::now() + time;
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let function = function.clone();
            spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < end {
                    let start = Instant::now();
                    let context = CallContext::root(Duration::from_secs(10));
                    let params = [Val::U32(1)];
                    function.call(context, &params, Vec::new()).await?;
                    times.push(start.elapsed());
                }
                Outcome::Ok(times)
            })
        })
        .collect();
    let start = Instant::now();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| {
        let index = (times.len() as f64 * part) as usize;
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e6)
    };
    let (rate, middle, tail) = (times.len() as f64 / seconds, at(0.5), at(0.99));
    writeln!(
        std::io::stdout(),
        r#"{{"per_second":{rate:.0},"p50_us":{middle:.1},"p99_us":{tail:.1}}}"#
    )?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own has nobody to supervise its tasks"
)]
fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}
