//! `/healthz`: whether the server can do its work.

use hyper::StatusCode;
use serde::Serialize;

use super::Watched;
use super::query::Query;

/// Whether it can.
#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

// ===== impl Watched =====

impl Watched {
    /// It can as long as the thread of the streams answers and the disk takes what it is given.
    pub(super) async fn healthz(&self) -> (StatusCode, Health) {
        let error = match Query::parse("") {
            Ok(nothing) if self.report(&nothing).await.is_err() => {
                Some("the streams do not answer")
            }
            _ if self.shared.router.counters.write_errors.get() > 0 => {
                Some("the disk has refused a write, nothing more is acknowledged")
            }
            _ => None,
        };
        let (code, status) = match error {
            None => (StatusCode::OK, "ok"),
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        let health = Health {
            status,
            status_code: code.as_u16(),
            error,
        };
        (code, health)
    }
}
