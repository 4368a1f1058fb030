//! Settings of a host.

use std::path::PathBuf;
use std::time::Duration;

use weft_capabilities::http_server;
use weft_lattice::Lattice;
use weft_model::id::HostId;
use weft_model::labels::Labels;
use weft_protocol::subject::Auctions;

use crate::provider;

/// Settings of a host.
#[derive(Debug)]
pub struct Options {
    /// The id of the host.
    pub id: HostId,
    /// A name for people.
    pub friendly_name: String,
    /// Labels for placement, beside those that every host has.
    pub labels: Labels,
    /// Which auctions the host takes part in.
    pub auctions: Auctions,
    /// The NATS server of control as it is told in answers to pings, without user and password.
    pub control_url: String,
    /// The NATS server of calls, likewise.
    pub rpc_url: String,
    /// Directory for the data of embedded backends, private to its owner.
    pub data_dir: PathBuf,
    /// What may be loaded from files.
    pub file_loads: FileLoads,
    /// Components that may run.
    pub components_max: usize,
    /// Providers that are processes of their own.
    pub providers: provider::Options,
    /// What becomes of key-value images whose backend is not named.
    pub stand_in: StandIn,
    /// What becomes of calls of components here that have no room for them.
    pub spill: Spill,
    /// How often the host tells what it runs.
    pub heartbeat_interval: Duration,
    /// Control requests that may wait to be acted upon.
    pub intake_capacity: usize,
    /// Requests that may wait for one component, provider, link source or config.
    pub mailbox_capacity: usize,
    /// How long open requests may take to end when the host stops.
    pub drain_timeout: Duration,
    /// The WebAssembly engine.
    pub engine: weft_engine::Options,
    /// Artifacts.
    pub artifacts: weft_artifact::Options,
    /// Whether the config service is asked for credentials of registries at the start (spec §1.5).
    pub asks_config_service: bool,
    /// The HTTP server.
    pub http: http_server::Options,
}

/// The connections of a host. Bulk data never delays control: the two are apart.
#[derive(Clone, Debug)]
pub struct Connections {
    /// For the control interface, events and state.
    pub control: Lattice,
    /// For calls between hosts and what is told to provider processes.
    pub rpc: Lattice,
}

/// What may be loaded from files. Default: nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FileLoads {
    /// Components, which run within their limits.
    pub components: bool,
    /// Providers: programs, which may do whatever the host may.
    pub providers: bool,
}

/// What becomes of a call between components whose target runs here, but has no room for another call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Spill {
    /// It waits here as long as the target's limits say.
    #[default]
    Never,
    /// It goes to whichever host that runs the target has room, by the wire.
    WhenFull,
}

/// What becomes of a key-value image whose config names no backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StandIn {
    /// The embedded store stands in, and says so: for a lattice on the embedded broker.
    Embedded,
    /// The program of the image is run: a joined lattice has a backend somewhere, and this is not it.
    Refused,
}
