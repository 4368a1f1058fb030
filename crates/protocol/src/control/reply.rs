//! The envelope of every reply (spec §1.1).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use weft_model::problem::Problem;

use super::ProblemFields;

/// A reply to a control request.
///
/// In 1.9 an acknowledgement means that the request was accepted, not that it is done (spec §14).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// Whether the request was accepted.
    pub success: bool,
    /// A text for people; empty on replies with data.
    #[serde(default)]
    pub message: String,
    /// The data; absent where the operation has none, or found none.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub response: Option<T>,
    /// Weft: the code of the problem, where the request was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_code: Option<String>,
    /// Weft: what the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_subject: Option<String>,
    /// Weft: what to do about the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_hints: Vec<String>,
}

/// A reply without data.
pub type Ack = Reply<NoData>;

/// The data of replies that have none; reads anything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NoData;

fn none<T>() -> Option<T> {
    None
}

// ===== impl Reply =====

impl<T> Reply<T> {
    /// An accepted request with data.
    pub fn data(response: T) -> Self {
        Self {
            response: Some(response),
            ..Self::done("")
        }
    }

    /// An accepted request without data; `message` is one of [`wire::text`](crate::wire::text) where that has one.
    pub fn done(message: &str) -> Self {
        Self {
            success: true,
            message: message.to_owned(),
            response: None,
            weft_code: None,
            weft_subject: None,
            weft_hints: Vec::new(),
        }
    }

    /// A refused request.
    pub fn refused(problem: &Problem) -> Self {
        let fields = ProblemFields::new(problem);
        Self {
            success: false,
            weft_code: fields.code,
            weft_subject: fields.subject,
            weft_hints: fields.hints,
            ..Self::done(&problem.message)
        }
    }

    /// A refused request with a text alone, as the dialect knows them.
    pub fn refused_text(message: &str) -> Self {
        Self {
            success: false,
            ..Self::done(message)
        }
    }

    /// The problem that a refusal tells of; `None` on success, and where the other side does not know of codes.
    pub fn problem(&self) -> Option<Problem> {
        if self.success {
            return None;
        }
        ProblemFields {
            code: self.weft_code.clone(),
            subject: self.weft_subject.clone(),
            hints: self.weft_hints.clone(),
        }
        .into_problem(self.message.clone())
    }
}

// ===== impl NoData =====

impl Serialize for NoData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for NoData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn replies_have_the_fields_of_the_dialect() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(json::encode(&Ack::done(""))),
            r#"{"success":true,"message":""}"#
        );
        assert_eq!(
            text(json::encode(&Reply::data([1]))),
            r#"{"success":true,"message":"","response":[1]}"#
        );
        assert_eq!(
            text(json::encode(&Ack::refused_text("no"))),
            r#"{"success":false,"message":"no"}"#
        );
    }

    #[test]
    fn a_problem_survives_the_trip() {
        let problem = Problem {
            code: "LNK004".into(),
            subject: "a -> b".to_owned(),
            message: "another target is linked".to_owned(),
            hints: vec!["delete the other link".to_owned()],
        };
        let reply: Ack = json::decode(&json::encode(&Ack::refused(&problem))).unwrap();
        assert_eq!(reply.problem(), Some(problem));
        let foreign: Ack = json::decode(br#"{"success":false,"message":"no"}"#).unwrap();
        assert_eq!(foreign.problem(), None);
        let odd: Ack =
            json::decode(br#"{"success":true,"message":"","response":{"a":[1]},"x":1}"#).unwrap();
        assert_eq!(odd.response, Some(NoData));
    }
}
