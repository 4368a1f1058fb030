//! Streams a countdown as server-sent events, one event as soon as its time has come: `/?n=10` counts from ten,
//! `/?pause=50` waits 50 ms between two events. It is a component of WASI 0.3, whose functions can wait.

use wasip3::clocks::monotonic_clock;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

wasip3::http::service::export!(Countdown);

/// How many events are counted down, unless `n` says otherwise, and the most that it can say.
const COUNT: u64 = 5;
const COUNT_MAX: u64 = 100;
/// How long the pause between two events is in ms, unless `pause` says otherwise, and the most that it can say.
const PAUSE_MS: u64 = 250;
const PAUSE_MS_MAX: u64 = 5_000;

const NANOSECONDS_PER_MS: u64 = 1_000_000;

struct Countdown;

impl Guest for Countdown {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        if !matches!(path, "" | "/") {
            return Ok(refuse(404, &[]));
        }
        if !matches!(request.get_method(), Method::Get | Method::Head) {
            return Ok(refuse(405, &[("allow", "GET, HEAD")]));
        }
        let count = number(query, "n", COUNT).min(COUNT_MAX);
        let pause_ms = number(query, "pause", PAUSE_MS).min(PAUSE_MS_MAX);
        Ok(count_down(count, pause_ms * NANOSECONDS_PER_MS))
    }
}

/// Answers at once; the events follow while the answer is under way.
fn count_down(count: u64, pause_nanoseconds: u64) -> Response {
    let headers = [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
    ];
    let (mut events, contents) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(fields(&headers), Some(contents), trailers);
    spawn_local(async move {
        for left in (1..=count).rev() {
            let unsent = events
                .write_all(format!("data: {left}\n\n").into_bytes())
                .await;
            if !unsent.is_empty() {
                // Nobody listens any more.
                return;
            }
            monotonic_clock::wait_for(pause_nanoseconds).await;
        }
        let _unsent = events.write_all(b"data: lift-off\n\n".to_vec()).await;
    });
    response
}

fn refuse(status: u16, headers: &[(&str, &str)]) -> Response {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(fields(headers), None, trailers);
    response
        .set_status_code(status)
        .expect("the status is a valid one");
    response
}

fn fields(headers: &[(&str, &str)]) -> Fields {
    let headers: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Fields::from_list(&headers).expect("the headers are well-formed")
}

/// The number that a parameter of the query gives; `default` when it is missing or no number.
fn number(query: &str, name: &str, default: u64) -> u64 {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_from_the_query() {
        assert_eq!(number("n=3&pause=7", "n", 5), 3);
        assert_eq!(number("n=3&pause=7", "pause", 5), 7);
        assert_eq!(number("n=x", "n", 5), 5);
        assert_eq!(number("", "n", 5), 5);
    }
}
