//! Control operations, one file each (spec §1.3).

pub(crate) mod auction;
pub(crate) mod claims;
pub(crate) mod config;
pub(crate) mod inventory;
pub(crate) mod label;
pub(crate) mod link_delete;
pub(crate) mod link_get;
pub(crate) mod link_put;
pub(crate) mod ping;
pub(crate) mod provider_start;
pub(crate) mod provider_stop;
pub(crate) mod registry_put;
pub(crate) mod scale;
pub(crate) mod stop;
pub(crate) mod update;

use weft_model::id::HostId;
use weft_model::problem::render_chain;
use weft_protocol::ConvertError;
use weft_protocol::json::DecodeError;

use crate::error::Refusal;

/// A refusal for a body that is not `what`; the words before the colon are those of the dialect.
fn malformed(what: &'static str, error: &DecodeError) -> Refusal {
    Refusal::Malformed {
        what,
        reason: render_chain(error),
    }
}

/// A refusal for a body with a field that is not valid.
fn invalid(what: &'static str, error: &ConvertError) -> Refusal {
    Refusal::Malformed {
        what,
        reason: render_chain(error),
    }
}

/// Refuses a body that names another host than its subject; one that names none is fine.
fn check_host(named: &str, own: &HostId) -> Result<(), Refusal> {
    if named.is_empty() || named == own.as_str() {
        Ok(())
    } else {
        Err(Refusal::WrongHost {
            host: named.to_owned(),
        })
    }
}
