//! Messages of the application API (spec §9.1), and the status it publishes.
//!
//! Manifests are opaque here: `weft_manifest` reads them.

mod reply;
mod status;

pub use reply::{
    DeleteReply, DeleteResult, DeployReply, DeployResult, ErrorReply, GetAllReply, GetReply,
    GetResult, ModelSummary, ProblemEntry, PutReply, PutResult, StatusReply, StatusResult,
    VersionEntry, VersionRequest, VersionsReply,
};
pub use status::{ComponentStatus, ScalerStatus, Status, StatusInfo, StatusType, TraitStatus};
