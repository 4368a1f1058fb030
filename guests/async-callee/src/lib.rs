//! Answers plain and async functions: one that waits, one that does not, one that cannot.

use bindings::exports::test::pending::calls::{Guest, Order};
use wasip3::clocks::monotonic_clock;

mod bindings {
    wit_bindgen::generate!({ path: "../wit/pending.wit", world: "callee" });

    export!(Callee);
    use super::Callee;
}

const NANOSECONDS_PER_MS: u64 = 1_000_000;

struct Callee;

impl Guest for Callee {
    async fn later(order: Order, pause_ms: u32) -> Result<Vec<String>, String> {
        monotonic_clock::wait_for(u64::from(pause_ms) * NANOSECONDS_PER_MS).await;
        if order.times == 0 {
            return Err(order.note.unwrap_or_else(|| "nothing to do".to_owned()));
        }
        Ok((0..order.times).map(|_| order.text.clone()).collect())
    }

    async fn sum(values: Vec<u64>) -> u64 {
        values.iter().sum()
    }

    fn now(order: Order) -> String {
        let times = usize::try_from(order.times).unwrap_or(usize::MAX);
        order.text.repeat(times)
    }
}
