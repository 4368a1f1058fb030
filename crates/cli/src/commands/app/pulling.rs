//! What hosts pull, while a deployment is waited for.

use std::collections::BTreeMap;

use futures::future::pending;
use weft_lattice::protocol::event::{ArtifactPulling, Data, Event};
use weft_lattice::protocol::subject::event_subject;
use weft_lattice::{Lattice, RequestError, Subscription};
use weft_model::problem::Problem;

use crate::ui::render_bytes;

/// Pulls that are remembered; more are not shown.
const PULLS_MAX: usize = 1000;
/// The step of a pull that has ended.
const DONE: &str = "done";
/// What stands for a code where nothing is wrong.
const PULLING: &str = "pulling";

/// What hosts pull.
pub(super) struct Pulls {
    /// `None` once the connection is closed.
    events: Option<Subscription>,
    /// By host and image.
    pulls: BTreeMap<(String, String), ArtifactPulling>,
}

// ===== impl Pulls =====

impl Pulls {
    /// Follows the pulls of all hosts from now on.
    pub(super) async fn follow(lattice: &Lattice) -> Result<Self, RequestError> {
        let data = Data::ArtifactPulling(ArtifactPulling::default());
        let subject = event_subject(lattice.name(), data.name());
        Ok(Self {
            events: Some(lattice.subscribe(&subject, None).await?),
            pulls: BTreeMap::new(),
        })
    }

    /// Waits until a host tells of a pull. Cancel safe.
    pub(super) async fn changed(&mut self) {
        let Some(events) = &mut self.events else {
            return pending().await;
        };
        match events.next().await {
            Some(message) => self.take(&message.payload),
            None => self.events = None,
        }
    }

    fn take(&mut self, payload: &[u8]) {
        let Ok(Event {
            data: Data::ArtifactPulling(pull),
            ..
        }) = Event::decode(payload)
        else {
            return;
        };
        let key = (pull.host_id.clone(), pull.image_ref.clone());
        if pull.step == DONE {
            self.pulls.remove(&key);
        } else if self.pulls.len() < PULLS_MAX || self.pulls.contains_key(&key) {
            self.pulls.insert(key, pull);
        }
    }

    /// What is pulled, in a few words; `None` when nothing is.
    pub(super) fn describe(&self) -> Option<String> {
        let (_, first) = self.pulls.first_key_value()?;
        let more = match self.pulls.len() - 1 {
            0 => String::new(),
            number => format!(", and {number} more"),
        };
        Some(format!("{}{more}", describe(first)))
    }

    /// What is pulled, as what a deployment waits for.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let problem = |pull: &ArtifactPulling| Problem {
            code: PULLING.into(),
            subject: pull.image_ref.clone(),
            message: format!("host `{}` is {}", pull.host_id, describe(pull)),
            hints: Vec::new(),
        };
        self.pulls.values().map(problem).collect()
    }
}

fn describe(pull: &ArtifactPulling) -> String {
    let image = &pull.image_ref;
    match (pull.step.as_str(), pull.bytes, pull.total_bytes) {
        (_, Some(bytes), Some(total)) => {
            let (bytes, total) = (render_bytes(bytes), render_bytes(total));
            format!("pulling {image}, {bytes} of {total}")
        }
        ("waiting", ..) => format!("waiting to pull {image}"),
        ("retrying", ..) => format!("trying again to pull {image}"),
        _ => format!("about to pull {image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_are_told_until_they_end() {
        let mut pulls = Pulls {
            events: None,
            pulls: BTreeMap::new(),
        };
        let told = |step: &str| {
            format!(
                r#"{{"id":"1","source":"N","type":"dev.weft.artifact_pulling","data":{{"host_id":"N","image_ref":"a/b:1","step":"{step}","bytes":1024,"total_bytes":2048}}}}"#
            )
        };
        assert_eq!(pulls.describe(), None);
        pulls.take(told("downloading").as_bytes());
        let text = "pulling a/b:1, 1.0 KiB of 2.0 KiB";
        assert_eq!(pulls.describe().as_deref(), Some(text));
        assert_eq!(pulls.problems()[0].message, format!("host `N` is {text}"));
        pulls.take(b"no event");
        pulls.take(told("done").as_bytes());
        assert_eq!(pulls.describe(), None);
    }
}
