//! What a user may publish and receive.

use std::time::Duration;

use serde::Serialize;

use super::AuthError;
use crate::subject;

/// Rules of one list. More would make the JWT of a user longer than a control line.
const RULES_MAX: usize = 256;

/// Longest rule, in bytes.
const RULE_LEN_MAX: usize = 512;

/// What a user may publish and receive. The default is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects it may publish under.
    pub publish: SubjectRules,
    /// Subjects it may subscribe to. A rule may end in a blank and the name of a queue group, with wildcards, and then
    /// is about members of such groups only.
    pub subscribe: SubjectRules,
    /// Whether it may answer requests that it received, beside what `publish` allows. With it, an empty
    /// `publish.allow` allows nothing else. Default: no.
    pub responses: Option<Responses>,
}

/// Which subjects are allowed. Each rule is a subject, possibly with wildcards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectRules {
    /// Subjects that are allowed. Empty for all.
    pub allow: Vec<String>,
    /// Subjects that are not, even if allowed above.
    pub deny: Vec<String>,
}

/// How a user may answer the requests that it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responses {
    /// Answers to one request; `None` for any number. Default: 1.
    pub messages_max: Option<u64>,
    /// How long after the request; `None` for ever. Default: 2 minutes.
    pub ttl: Option<Duration>,
}

/// Permissions in the form that each message is checked with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    publish: Rules,
    subscribe: Rules,
    pub(crate) responses: Option<Responses>,
}

/// Rules as they are written.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RuleTexts {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rules {
    /// `None` for everything.
    allow: Option<Vec<Rule>>,
    deny: Vec<Rule>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    subject: Box<[u8]>,
    queue: Option<Box<[u8]>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Default for Responses {
    fn default() -> Self {
        Self {
            messages_max: Some(1),
            ttl: Some(Duration::from_mins(2)),
        }
    }
}

impl Permissions {
    /// Whether they allow everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// For a rule that is no subject, one that is too long, or too many of them.
    pub fn check(&self) -> Result<(), AuthError> {
        Checks::new(self).map(|_| ())
    }
}

impl Checks {
    pub(crate) fn new(permissions: &Permissions) -> Result<Self, AuthError> {
        let mut publish = Rules::new(&permissions.publish, false)?;
        if permissions.responses.is_some() && publish.allow.is_none() {
            publish.allow = Some(Vec::new());
        }
        Ok(Self {
            publish,
            subscribe: Rules::new(&permissions.subscribe, true)?,
            responses: permissions.responses,
        })
    }

    /// The rules for publishing, and for subscribing.
    pub(crate) fn texts(&self) -> (RuleTexts, RuleTexts) {
        (self.publish.texts(), self.subscribe.texts())
    }

    /// Whether nothing needs to be checked.
    pub(crate) fn allow_everything(&self) -> bool {
        self.publish.is_everything() && self.subscribe.is_everything() && self.responses.is_none()
    }

    /// Whether `subject` may be published under, answers aside.
    pub(crate) fn may_publish(&self, subject: &[u8]) -> bool {
        let is_allowed = match &self.publish.allow {
            Some(rules) => rules.iter().any(|rule| rule.covers(subject)),
            None => true,
        };
        is_allowed && !self.publish.deny.iter().any(|rule| rule.covers(subject))
    }

    /// Whether `filter` may be subscribed to, in a queue group or not. A filter must be allowed as a whole; it is
    /// denied if all of it is, and what it has in common with a denied subject is kept from it.
    pub(crate) fn may_subscribe(&self, filter: &[u8], queue: Option<&[u8]>) -> bool {
        let is_allowed = match &self.subscribe.allow {
            Some(rules) => names(rules, filter, queue),
            None => true,
        };
        is_allowed && !names(&self.subscribe.deny, filter, queue)
    }

    /// The denied subjects that `filter` may receive although it may be subscribed to.
    pub(crate) fn denied_within(&self, filter: &[u8]) -> Vec<Box<[u8]>> {
        if !subject::has_wildcard(filter) {
            return Vec::new();
        }
        let plain = self
            .subscribe
            .deny
            .iter()
            .filter(|rule| rule.queue.is_none());
        plain
            .filter(|rule| subject::collide(filter, &rule.subject))
            .map(|rule| rule.subject.clone())
            .collect()
    }
}

/// Whether one of `rules` is about `filter`. For the member of a group, rules with groups come first.
fn names(rules: &[Rule], filter: &[u8], queue: Option<&[u8]>) -> bool {
    let mut is_named = false;
    let mut has_groups = false;
    let mut is_group_named = false;
    for rule in rules.iter().filter(|rule| rule.covers(filter)) {
        match &rule.queue {
            None => is_named = true,
            Some(group) => {
                has_groups = true;
                is_group_named |= queue.is_some_and(|queue| subject::matches(queue, group));
            }
        }
    }
    if queue.is_some() && has_groups {
        is_group_named
    } else {
        is_named
    }
}

impl Rules {
    fn new(rules: &SubjectRules, with_queues: bool) -> Result<Self, AuthError> {
        let parse = |rules: &[String]| {
            if rules.len() > RULES_MAX {
                return Err(AuthError::TooManyRules { max: RULES_MAX });
            }
            rules
                .iter()
                .map(|rule| Rule::parse(rule, with_queues))
                .collect::<Result<Vec<_>, _>>()
        };
        let allow = parse(&rules.allow)?;
        Ok(Self {
            allow: Some(allow).filter(|allow| !allow.is_empty()),
            deny: parse(&rules.deny)?,
        })
    }

    fn texts(&self) -> RuleTexts {
        let texts = |rules: &[Rule]| rules.iter().map(Rule::text).collect();
        RuleTexts {
            allow: self.allow.as_deref().map(texts).unwrap_or_default(),
            deny: texts(&self.deny),
        }
    }

    fn is_everything(&self) -> bool {
        self.allow.is_none() && self.deny.is_empty()
    }
}

impl RuleTexts {
    pub(crate) fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

impl Rule {
    fn text(&self) -> String {
        let subject = String::from_utf8_lossy(&self.subject);
        match &self.queue {
            Some(queue) => format!("{subject} {}", String::from_utf8_lossy(queue)),
            None => subject.into_owned(),
        }
    }

    fn parse(text: &str, with_queue: bool) -> Result<Self, AuthError> {
        let refused = || AuthError::Rule {
            rule: text.to_owned(),
        };
        let mut words = text.split_ascii_whitespace();
        let subject = words.next().ok_or_else(refused)?;
        let queue = words.next();
        let is_valid = text.len() <= RULE_LEN_MAX
            && words.next().is_none()
            && subject::is_valid_filter(subject.as_bytes())
            && queue.is_none_or(|queue| with_queue && subject::is_valid_filter(queue.as_bytes()));
        if !is_valid {
            return Err(refused());
        }
        Ok(Self {
            subject: subject.as_bytes().into(),
            queue: queue.map(|queue| queue.as_bytes().into()),
        })
    }

    fn covers(&self, subject: &[u8]) -> bool {
        subject::is_subset(subject, &self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(allow: &[&str], deny: &[&str]) -> Checks {
        let owned = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).collect();
        let rules = SubjectRules {
            allow: owned(allow),
            deny: owned(deny),
        };
        let publish = SubjectRules {
            allow: rules
                .allow
                .iter()
                .filter(|rule| !rule.contains(' '))
                .cloned()
                .collect(),
            deny: rules
                .deny
                .iter()
                .filter(|rule| !rule.contains(' '))
                .cloned()
                .collect(),
        };
        Checks::new(&Permissions {
            publish,
            subscribe: rules,
            responses: None,
        })
        .unwrap()
    }

    #[test]
    fn what_is_denied_is_denied_even_if_allowed() {
        let checks = checks(&["a.>", "b"], &["a.secret.*"]);
        assert!(checks.may_publish(b"a.x") && checks.may_publish(b"b"));
        assert!(!checks.may_publish(b"c") && !checks.may_publish(b"a"));
        assert!(!checks.may_publish(b"a.secret.x"));
        assert!(checks.may_subscribe(b"a.*", None) && !checks.may_subscribe(b">", None));
        assert!(!checks.may_subscribe(b"a.secret.*", None));
        // All but the denied part of it.
        assert!(checks.may_subscribe(b"a.>", None));
        assert_eq!(
            checks.denied_within(b"a.>"),
            [b"a.secret.*".as_slice().into()]
        );
        assert!(checks.denied_within(b"a.*").is_empty());
    }

    #[test]
    fn groups_have_rules_of_their_own() {
        let checks = checks(&["jobs workers.*", "news"], &["jobs workers.bad"]);
        assert!(checks.may_subscribe(b"jobs", Some(b"workers.a")));
        assert!(!checks.may_subscribe(b"jobs", Some(b"workers.bad")));
        assert!(!checks.may_subscribe(b"jobs", Some(b"others")));
        assert!(!checks.may_subscribe(b"jobs", None));
        assert!(checks.may_subscribe(b"news", None) && checks.may_subscribe(b"news", Some(b"any")));
    }

    #[test]
    fn only_answers_are_allowed_where_answers_are() {
        let permissions = Permissions {
            responses: Some(Responses::default()),
            ..Permissions::default()
        };
        let checks = Checks::new(&permissions).unwrap();
        assert!(!checks.may_publish(b"a") && checks.may_subscribe(b"a", None));
        assert!(!checks.allow_everything());
    }

    #[test]
    fn rules_that_are_no_subjects_are_refused() {
        for rule in ["", "a..b", "a b c", ">.a", &"a".repeat(600)] {
            let permissions = Permissions {
                subscribe: SubjectRules {
                    allow: vec![rule.to_owned()],
                    deny: vec![],
                },
                ..Permissions::default()
            };
            assert!(
                matches!(permissions.check(), Err(AuthError::Rule { .. })),
                "{rule}"
            );
        }
    }
}
