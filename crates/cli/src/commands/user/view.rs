//! Users, as commands show them.

use std::time::SystemTime;

use serde::Serialize;
use weft_broker::{UserKind, UserRecord};

/// A user.
#[derive(Debug, Serialize)]
pub(super) struct UserView {
    /// What it is called.
    pub(super) name: String,
    /// How it proves who it is: `creds`, `password`, `token` or `nkey`.
    pub(super) kind: &'static str,
    /// `valid`, `expired` or `revoked`.
    pub(super) status: &'static str,
    /// Its public key; `null` where it has none.
    pub(super) public_key: Option<String>,
    /// What it may publish under.
    pub(super) publish: RulesView,
    /// What it may subscribe to.
    pub(super) subscribe: RulesView,
    /// Whether it may answer requests beside what `publish` allows.
    pub(super) may_respond: bool,
    /// When it was made.
    pub(super) created: String,
    /// When it ceases to be valid; `null` for never.
    pub(super) expires: Option<String>,
    /// When it was revoked; `null` if it was not.
    pub(super) revoked: Option<String>,
}

/// Subjects that are allowed and denied.
#[derive(Debug, Serialize)]
pub(super) struct RulesView {
    /// Those that are allowed; empty for all, unless the user may but answer.
    pub(super) allow: Vec<String>,
    /// Those that are not, even if allowed.
    pub(super) deny: Vec<String>,
}

// ===== impl UserView =====

impl UserView {
    /// `user` as it is at `now`.
    pub(super) fn new(user: UserRecord, now: SystemTime) -> Self {
        let is_expired = user.expires.is_some_and(|expires| expires <= now);
        let status = match (&user.revoked, is_expired) {
            (Some(_), _) => "revoked",
            (None, true) => "expired",
            (None, false) => "valid",
        };
        let (kind, public_key) = match user.kind {
            UserKind::Jwt { public_key } => ("creds", Some(public_key)),
            UserKind::Nkey { public_key } => ("nkey", Some(public_key)),
            UserKind::Password => ("password", None),
            UserKind::Token => ("token", None),
            _ => ("unknown", None),
        };
        let permissions = user.permissions;
        Self {
            name: user.name,
            kind,
            status,
            public_key,
            publish: RulesView {
                allow: permissions.publish.allow,
                deny: permissions.publish.deny,
            },
            subscribe: RulesView {
                allow: permissions.subscribe.allow,
                deny: permissions.subscribe.deny,
            },
            may_respond: permissions.responses.is_some(),
            created: time(user.created),
            expires: user.expires.map(time),
            revoked: user.revoked.map(time),
        }
    }

    /// What it may publish, in a cell.
    pub(super) fn render_publish(&self) -> String {
        let text = self.publish.render();
        match (self.may_respond, self.publish.allow.is_empty()) {
            (false, _) => text,
            (true, true) => text.replacen("all", "answers", 1),
            (true, false) => format!("{text}, answers"),
        }
    }
}

// ===== impl RulesView =====

impl RulesView {
    /// In a cell.
    pub(super) fn render(&self) -> String {
        let allowed = if self.allow.is_empty() {
            "all".to_owned()
        } else {
            self.allow.join(", ")
        };
        if self.deny.is_empty() {
            allowed
        } else {
            format!("{allowed}; not {}", self.deny.join(", "))
        }
    }
}

/// A time in RFC 3339.
fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_told_in_a_cell() {
        let rules = |allow: &[&str], deny: &[&str]| RulesView {
            allow: allow.iter().map(|&rule| rule.to_owned()).collect(),
            deny: deny.iter().map(|&rule| rule.to_owned()).collect(),
        };
        assert_eq!(rules(&[], &[]).render(), "all");
        assert_eq!(rules(&["a", "b.>"], &["b.c"]).render(), "a, b.>; not b.c");
    }
}
