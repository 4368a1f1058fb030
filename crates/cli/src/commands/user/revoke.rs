//! `weft user revoke`: let a user in no more.

use std::time::SystemTime;

use clap::Args;
use serde::Serialize;
use weft_broker::AuthError;

use super::error::UserError;
use super::open_if_there;
use super::view::UserView;
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View};

/// Let a user in no more, and cut its connections
///
/// There is no way back, but another user may have the name.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft user revoke ada                 Revoke the credentials of a user")]
pub(crate) struct RevokeArgs {
    /// Name of the user
    #[arg(value_name = "NAME")]
    name: String,
}

/// A user that was revoked.
#[derive(Debug, Serialize)]
struct RevokedView {
    schema_version: SchemaVersion,
    /// The user.
    user: UserView,
}

/// Revokes the user.
pub(super) fn run(args: &RevokeArgs, context: &mut Context) -> Result<(), Failure> {
    let name = &args.name;
    let absent = || AuthError::NoUser { name: name.clone() };
    let store = open_if_there(context)?.ok_or_else(|| UserError::Store(absent()))?;
    let user = store.revoke(name).map_err(UserError::Store)?;
    context.show(&RevokedView {
        schema_version: SchemaVersion,
        user: UserView::new(user, SystemTime::now()),
    });
    Ok(())
}

impl View for RevokedView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let text = format!("user `{}` is revoked", self.user.name);
        vec![Block::Done(text)]
    }

    fn names(&self) -> Vec<String> {
        vec![self.user.name.clone()]
    }
}
