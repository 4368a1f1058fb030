//! Bodies of control requests and replies (spec §1).
//!
//! Types have the fields of the JSON, as text where the dialect has text; methods and conversions give the values of
//! `weft_model` and name the field that is wrong. Readers ignore unknown fields and fill in the defaults of the 1.9
//! host; writers give exactly the fields that it gives.

mod component;
mod host;
mod label;
mod lease;
mod limits;
mod link;
mod problem;
mod provider;
mod registry;
mod reply;

pub use component::{ComponentAuction, ComponentBid, ScaleComponent, UpdateComponent};
pub use host::{
    ComponentEntry, HostSummary, Inventory, PassedEntry, ProviderEntry, StopHost, render_uptime,
};
pub use label::{DeleteLabel, PutLabel};
pub use lease::{EPOCH_BYTES_MAX, Lease, ParseLeaseError};
pub use limits::{LimitMap, parse_limits, render_limits};
pub use link::{DeleteLink, Link};
pub use problem::ProblemFields;
pub use provider::{ProviderAuction, ProviderBid, StartProvider, StopProvider};
pub use registry::{RegistryCredential, SupplementalConfig, SupplementalRequest};
pub use reply::{Ack, NoData, Reply};

use std::collections::BTreeMap;

/// Body of `link.get`'s reply: all links, in the order of the host that answers.
pub type Links = Vec<Link>;
/// Body of `claims.get`'s reply: one flat map per known set of claims (spec §1.3).
pub type ClaimsList = Vec<BTreeMap<String, String>>;
/// Body of `registry.put`: credentials by registry host.
pub type RegistryCredentials = BTreeMap<String, RegistryCredential>;
