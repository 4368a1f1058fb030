//! Pulls of images that are under way, told to the lattice every now and then: people wait for them, and managers are to
//! know that a host is at work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time;
use weft_artifact::progress::{Progress, Step};
use weft_model::reference::Reference;
use weft_protocol::event::{ArtifactPulling, Data};
use weft_runtime::Shutdown;

use crate::core::Core;

/// Between two rounds of telling; what is pulled in less is not told at all.
const PAUSE: Duration = Duration::from_millis(400);
/// After which time a pull is told of that has not moved.
const REPEAT_PERIOD: Duration = Duration::from_secs(10);

/// The pulls of a host that are under way. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pulls {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    began: Notify,
}

/// As many as images are being fetched, which the mailboxes bound.
#[derive(Default)]
struct State {
    last: u64,
    pulls: BTreeMap<u64, Entry>,
}

struct Entry {
    image: Arc<str>,
    /// `None` until there is something to tell.
    step: Option<Step>,
    is_news: bool,
    told: Option<Instant>,
    has_ended: bool,
}

/// A pull that is under way as long as this lives.
pub(crate) struct Pull {
    shared: Arc<Shared>,
    number: u64,
}

// ===== impl Pulls =====

impl Pulls {
    /// Begins to fetch `image`. The pull has ended when what is returned is dropped.
    pub(crate) fn begin(&self, image: &Reference) -> Arc<Pull> {
        let mut state = self.shared.state();
        state.last += 1;
        let number = state.last;
        let entry = Entry {
            image: image.as_str().into(),
            step: None,
            is_news: false,
            told: None,
            has_ended: false,
        };
        state.pulls.insert(number, entry);
        drop(state);
        self.shared.began.notify_one();
        Arc::new(Pull {
            shared: Arc::clone(&self.shared),
            number,
        })
    }

    /// Tells the lattice of pulls, until `stop`.
    pub(crate) async fn tell(&self, core: &Core, stop: &Shutdown) {
        while stop.or(self.shared.began.notified()).await.is_some() {
            while !self.shared.state().pulls.is_empty() {
                if stop.or(time::sleep(PAUSE)).await.is_none() {
                    return;
                }
                for (image, step) in self.shared.take_news(Instant::now()) {
                    let event = event(core.identity.id.to_string(), &image, step);
                    core.publish(Data::ArtifactPulling(event)).await;
                }
            }
        }
    }
}

// ===== impl Shared =====

impl Shared {
    /// What is to be told now. Pulls that have ended are told once more if they were told of, and forgotten.
    fn take_news(&self, now: Instant) -> Vec<(Arc<str>, Step)> {
        let mut news = Vec::new();
        self.state().pulls.retain(|_, pull| {
            if pull.has_ended {
                news.extend(pull.told.map(|_| (Arc::clone(&pull.image), Step::Done)));
                return false;
            }
            let is_due = pull
                .told
                .is_some_and(|told| now.duration_since(told) >= REPEAT_PERIOD);
            if let Some(step) = pull.step
                && (pull.is_news || is_due)
            {
                pull.is_news = false;
                pull.told = Some(now);
                news.push((Arc::clone(&pull.image), step));
            }
            true
        });
        news
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// ===== impl Pull =====

impl Progress for Pull {
    fn report(&self, _: &str, step: Step) {
        if let Some(entry) = self.shared.state().pulls.get_mut(&self.number) {
            entry.step = Some(step);
            entry.is_news = true;
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        match state.pulls.get_mut(&self.number) {
            Some(entry) if entry.told.is_some() => entry.has_ended = true,
            _ => drop(state.pulls.remove(&self.number)),
        }
    }
}

fn event(host_id: String, image: &str, step: Step) -> ArtifactPulling {
    let (step, progress) = match step {
        Step::Waiting => ("waiting", None),
        Step::Downloading { bytes, total } => ("downloading", Some((bytes, total))),
        Step::Retrying { .. } => ("retrying", None),
        Step::Cached | Step::Done => ("done", None),
        _ => ("resolving", None),
    };
    ArtifactPulling {
        host_id,
        image_ref: image.to_owned(),
        step: step.to_owned(),
        bytes: progress.map(|(bytes, _)| bytes),
        total_bytes: progress.map(|(_, total)| total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_are_told_when_they_move_and_once_they_have_ended() {
        let pulls = Pulls::default();
        let now = Instant::now();
        let news = |after| {
            let news = pulls.shared.take_news(now + after);
            news.into_iter().map(|(_, step)| step).collect::<Vec<_>>()
        };
        let image = "ghcr.io/a/b:1".parse().unwrap();
        let quick = pulls.begin(&image);
        drop(quick);
        let pull = pulls.begin(&image);
        assert_eq!(news(Duration::ZERO), []);
        let step = Step::Downloading { bytes: 1, total: 2 };
        pull.report("", Step::Resolving);
        pull.report("", step);
        assert_eq!(news(Duration::ZERO), [step]);
        assert_eq!(news(Duration::from_secs(1)), []);
        assert_eq!(news(REPEAT_PERIOD), [step]);
        drop(pull);
        assert_eq!(news(REPEAT_PERIOD), [Step::Done]);
        assert!(pulls.shared.state().pulls.is_empty());
    }
}
