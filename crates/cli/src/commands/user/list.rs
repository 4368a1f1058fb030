//! `weft user list`: who may connect.

use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::error::UserError;
use super::open_if_there;
use super::view::UserView;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::Table;
use crate::view::{Block, SchemaVersion, View};

/// List the users of the built-in NATS server
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft user list                       See who may connect
  weft user list -o wide               See also what each may do, and who was revoked")]
pub(crate) struct ListArgs {}

/// The users of a data directory.
#[derive(Debug, Serialize)]
struct UsersView {
    schema_version: SchemaVersion,
    /// In the order they were made, revoked ones included.
    users: Vec<UserView>,
}

/// Shows the users.
pub(super) fn run(_args: &ListArgs, context: &mut Context) -> Result<(), Failure> {
    let users = match open_if_there(context)? {
        Some(store) => store.list().map_err(UserError::Store)?,
        None => Vec::new(),
    };
    let now = SystemTime::now();
    context.show(&UsersView {
        schema_version: SchemaVersion,
        users: users
            .into_iter()
            .map(|user| UserView::new(user, now))
            .collect(),
    });
    Ok(())
}

// ===== impl UsersView =====

impl UsersView {
    /// Those that are shown to people who do not ask for more.
    fn current(&self) -> impl Iterator<Item = &UserView> {
        self.users.iter().filter(|user| user.revoked.is_none())
    }
}

impl View for UsersView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let users: Vec<&UserView> = if is_wide {
            self.users.iter().collect()
        } else {
            self.current().collect()
        };
        if users.is_empty() {
            let text = "there are no users; make one with `weft user add NAME`";
            return vec![Block::Nothing(text.to_owned())];
        }
        let mut headers = vec!["NAME", "KIND", "STATUS", "EXPIRES"];
        if is_wide {
            headers.extend(["CREATED", "PUBLISH", "SUBSCRIBE", "PUBLIC KEY"]);
        }
        let mut table = Table::new(headers);
        for user in users {
            let expires = user.expires.clone().unwrap_or_else(|| "never".to_owned());
            let mut row = vec![
                user.name.clone(),
                user.kind.to_owned(),
                user.status.to_owned(),
                expires,
            ];
            if is_wide {
                row.push(user.created.clone());
                row.push(user.render_publish());
                row.push(user.subscribe.render());
                row.push(user.public_key.clone().unwrap_or_default());
            }
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.current().map(|user| user.name.clone()).collect()
    }
}
