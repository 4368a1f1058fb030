//! Whether a status is the outcome of a deployment.

use std::time::{Duration, Instant};

use weft_lattice::protocol::application::{Status, StatusType};

/// How long a status that does not tell its version has to stand before it counts, where nothing was seen to change: it may
/// be that of the version before.
const SETTLE: Duration = Duration::from_secs(1);

/// Judges the statuses of an application, in the order in which they are seen, after a version was deployed.
///
/// A manager of Weft tells the version that a status is about. One that does not may answer with the status of the version
/// before for a while; its word counts once it was seen to work, or has said the same for some time.
#[derive(Debug)]
pub(crate) struct Judge {
    version: Option<String>,
    has_seen_work: bool,
    /// The last status that would be an outcome, and since when it stands.
    standing: Option<(StatusType, Instant)>,
}

/// What a status means for who waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Not done.
    Pending,
    /// Everything runs as desired.
    Deployed,
    /// Cannot become as desired by itself.
    Failed,
}

// ===== impl Judge =====

impl Judge {
    /// For the deployment of `version`; `None` when it is not known.
    pub(crate) fn new(version: Option<String>) -> Self {
        Self {
            version,
            has_seen_work: false,
            standing: None,
        }
    }

    /// Judges `status`, seen at `now`.
    pub(crate) fn see(&mut self, now: Instant, status: &Status) -> Verdict {
        let kind = status.info.kind;
        let verdict = match kind {
            StatusType::Deployed => Verdict::Deployed,
            StatusType::Failed => Verdict::Failed,
            _ => {
                self.has_seen_work = true;
                self.standing = None;
                return Verdict::Pending;
            }
        };
        if !status.version.is_empty()
            && let Some(version) = &self.version
        {
            return if status.version == *version {
                verdict
            } else {
                Verdict::Pending
            };
        }
        if self.has_seen_work {
            return verdict;
        }
        match self.standing {
            Some((standing, since)) if standing == kind => {
                if now.saturating_duration_since(since) >= SETTLE {
                    return verdict;
                }
            }
            _ => self.standing = Some((kind, now)),
        }
        Verdict::Pending
    }
}

#[cfg(test)]
mod tests {
    use weft_lattice::protocol::application::StatusInfo;

    use super::*;

    fn status(kind: StatusType, version: &str) -> Status {
        Status {
            info: StatusInfo {
                kind,
                message: String::new(),
            },
            version: version.to_owned(),
            ..Status::default()
        }
    }

    #[test]
    fn a_status_of_the_version_counts_at_once() {
        let mut judge = Judge::new(Some("v2".to_owned()));
        let now = Instant::now();
        let mut check = |kind, version, verdict| {
            assert_eq!(judge.see(now, &status(kind, version)), verdict);
        };
        check(StatusType::Deployed, "v1", Verdict::Pending);
        check(StatusType::Failed, "v1", Verdict::Pending);
        check(StatusType::Reconciling, "v2", Verdict::Pending);
        check(StatusType::Deployed, "v1", Verdict::Pending);
        check(StatusType::Failed, "v2", Verdict::Failed);
        check(StatusType::Deployed, "v2", Verdict::Deployed);
    }

    #[test]
    fn a_status_without_version_counts_after_work_was_seen() {
        let mut judge = Judge::new(Some("v2".to_owned()));
        let now = Instant::now();
        let mut check = |kind, verdict| {
            assert_eq!(judge.see(now, &status(kind, "")), verdict);
        };
        check(StatusType::Deployed, Verdict::Pending);
        check(StatusType::Reconciling, Verdict::Pending);
        check(StatusType::Deployed, Verdict::Deployed);
    }

    #[test]
    fn a_status_without_version_counts_when_it_stands() {
        let mut judge = Judge::new(None);
        let start = Instant::now();
        let mut check = |millis, kind, verdict| {
            let now = start + Duration::from_millis(millis);
            assert_eq!(judge.see(now, &status(kind, "")), verdict);
        };
        check(0, StatusType::Failed, Verdict::Pending);
        check(900, StatusType::Deployed, Verdict::Pending);
        check(1_100, StatusType::Deployed, Verdict::Pending);
        check(1_900, StatusType::Deployed, Verdict::Deployed);
    }
}
