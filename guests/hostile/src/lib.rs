//! Misbehaves in the way that the path asks for. What Rust cannot express is beside it in `wat/`: many memories, a table
//! that grows, too many core instances.

use std::hint::black_box;

use face::{Answer, Request, answer};
use wasip2::clocks::monotonic_clock;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wasip2::http::proxy::export!(Hostile);

const PAGE_BYTES: usize = 64 * 1024;
/// How much memory is asked for at a time, in pages.
const GROW_PAGES: usize = 16;
const YEAR_NANOSECONDS: u64 = 365 * 24 * 60 * 60 * 1_000_000_000;

struct Hostile;

impl Guest for Hostile {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        match request.path() {
            "/ok" => answer(out, 200, "ok"),
            "/loop" => spin(),
            "/memory" => {
                let pages = fill_memory();
                answer(
                    out,
                    200,
                    format!("refused after {} bytes", pages * PAGE_BYTES),
                );
            }
            "/recursion" => {
                let depth = descend(request.target().len() as u64);
                answer(out, 200, depth.to_string());
            }
            "/panic" => panic!("asked to panic"),
            "/never" => hang(),
            "/silent" => drop(out),
            "/no-finish" => {
                let _answer = begin(out);
                hang();
            }
            "/partial-then-trap" => {
                let _answer = begin(out);
                panic!("asked to panic after a part of the body");
            }
            "/partial-then-loop" => {
                let _answer = begin(out);
                spin();
            }
            "/partial-then-return" => drop(begin(out)),
            "/flood" => flood(begin(out)),
            "/headers" => many_headers(out, request.number("n", 10_000)),
            _ => answer(out, 404, "no such misbehaviour"),
        }
    }
}

/// Sends the head and a part of the body.
fn begin(out: ResponseOutparam) -> Answer {
    let mut answer = Answer::begin(out, 200, &[]);
    let _ = answer.write(b"a part of the body\n");
    let _ = answer.flush();
    answer
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn hang() {
    monotonic_clock::subscribe_duration(YEAR_NANOSECONDS).block();
}

/// Grows the memory until that is refused, touching every page, and returns how many pages it got.
fn fill_memory() -> usize {
    let mut pages = 0;
    while let Some(first) = grow_memory() {
        for page in 0..GROW_PAGES {
            // The address is within the memory that was just granted and that nothing else knows of.
            let address = (first + page) * PAGE_BYTES;
            unsafe { std::ptr::write_volatile(address as *mut u8, 1) };
        }
        pages += GROW_PAGES;
    }
    pages
}

/// The first page of the memory that was granted; `None` when none was.
fn grow_memory() -> Option<usize> {
    #[cfg(target_arch = "wasm32")]
    return match core::arch::wasm32::memory_grow::<0>(GROW_PAGES) {
        usize::MAX => None,
        first => Some(first),
    };
    #[cfg(not(target_arch = "wasm32"))]
    return None;
}

/// Calls itself until the stack is used up: nothing about it can be turned into a loop.
#[inline(never)]
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn descend(depth: u64) -> u64 {
    descend(depth.wrapping_add(1)).rotate_left(7) ^ depth
}

/// Writes a body without end.
fn flood(mut answer: Answer) {
    let chunk = vec![b'x'; PAGE_BYTES];
    while answer.write(&chunk).is_ok() {}
}

fn many_headers(out: ResponseOutparam, count: u64) {
    let headers: Vec<(String, Vec<u8>)> = (0..count)
        .map(|header| (format!("x-header-{header}"), vec![b'x'; 64]))
        .collect();
    Answer::begin(out, 200, &headers).finish();
}
