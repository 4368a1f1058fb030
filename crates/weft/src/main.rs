//! The program `weft`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;
use weft_cli::Status;

/// Requests allocate and free on different threads, which the allocator of the system is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match weft_cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("weft")
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            weft_cli::tell_unforeseen("the operating system gives no threads", &error);
            return Status::Unforeseen.into();
        }
    };
    let status = runtime.block_on(weft_cli::run(cli));
    // What is left runs in the background of a command that has ended: nobody waits for it.
    runtime.shutdown_background();
    status.into()
}
