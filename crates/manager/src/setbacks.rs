//! What could not be done, and when it is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::problem::Problem;
use weft_planner::{Failure, Object};

use crate::clock::Moment;
use crate::pending::Purpose;

/// The last failure about each object.
#[derive(Debug)]
pub(crate) struct Setbacks {
    setbacks: BTreeMap<Object, Setback>,
    delay_min: Duration,
    delay_max: Duration,
}

#[derive(Debug)]
struct Setback {
    purpose: Purpose,
    problem: Problem,
    /// How often in a row it failed.
    attempts: u32,
    retry_at: Moment,
}

// ===== impl Setbacks =====

impl Setbacks {
    pub(crate) fn new(delay_min: Duration, delay_max: Duration) -> Self {
        Self {
            setbacks: BTreeMap::new(),
            delay_min,
            delay_max,
        }
    }

    /// Something failed that was done for `purpose`: it is tried again after a pause, which doubles each time.
    pub(crate) fn fail(&mut self, now: Moment, object: Object, purpose: Purpose, problem: Problem) {
        let before = self.setbacks.get(&object);
        let attempts = before
            .filter(|before| before.purpose == purpose)
            .map_or(0, |before| before.attempts);
        let delay = self
            .delay_min
            .saturating_mul(1 << attempts.min(20))
            .min(self.delay_max);
        let setback = Setback {
            purpose,
            problem,
            attempts: attempts.saturating_add(1),
            retry_at: now + delay,
        };
        self.setbacks.insert(object, setback);
    }

    /// It was done after all.
    pub(crate) fn clear(&mut self, object: &Object) {
        self.setbacks.remove(object);
    }

    /// Everything about the application is tried anew.
    pub(crate) fn clear_application(&mut self, name: &ApplicationName) {
        self.setbacks
            .retain(|_, setback| &setback.purpose.application != name);
    }

    /// What the application wants under `id` is there after all.
    pub(crate) fn clear_id(&mut self, application: &ApplicationName, id: &str) {
        self.setbacks.retain(|object, setback| {
            let is_it = match object {
                Object::Component(_, one) => one.as_str() == id,
                Object::Provider(_, one) => one.as_str() == id,
                Object::Config(_) | Object::Record(_) => false,
            };
            !is_it || &setback.purpose.application != application
        });
    }

    /// A host is gone, and what it could not do with it.
    pub(crate) fn lose_host(&mut self, host: &HostId) {
        self.setbacks.retain(
            |object, _| !matches!(object, Object::Component(one, _) | Object::Provider(one, _) if one == host),
        );
    }

    /// Whether it is too early to try something about `object` again for `purpose`.
    pub(crate) fn is_held(&self, now: Moment, object: &Object, purpose: &Purpose) -> bool {
        self.setbacks
            .get(object)
            .is_some_and(|setback| setback.purpose == *purpose && now < setback.retry_at)
    }

    /// Why something about `object` failed, for the application.
    pub(crate) fn problem(
        &self,
        object: &Object,
        application: &ApplicationName,
    ) -> Option<&Problem> {
        let setback = self.setbacks.get(object)?;
        (&setback.purpose.application == application).then_some(&setback.problem)
    }

    /// What hosts could not do, as the planner wants it.
    pub(crate) fn to_input(&self, now: Moment) -> Vec<Failure> {
        self.setbacks
            .iter()
            .filter_map(|(object, setback)| {
                let (host, id) = match object {
                    Object::Component(host, id) => (host, EntityId::from(id)),
                    Object::Provider(host, id) => (host, EntityId::from(id)),
                    Object::Config(_) | Object::Record(_) => return None,
                };
                Some(Failure {
                    host: host.clone(),
                    id,
                    application: setback.purpose.application.clone(),
                    version: setback.purpose.version.clone(),
                    problem: setback.problem.clone(),
                    is_retry_due: now >= setback.retry_at,
                })
            })
            .collect()
    }

    /// When the next thing is tried again.
    pub(crate) fn deadline(&self, now: Moment) -> Option<Moment> {
        self.setbacks
            .values()
            .map(|setback| setback.retry_at)
            .filter(|&at| at > now)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(version: &str) -> Purpose {
        Purpose {
            application: "shop".parse().unwrap(),
            version: version.to_owned(),
        }
    }

    fn problem() -> Problem {
        Problem {
            code: "TST001".into(),
            subject: String::new(),
            message: "no".to_owned(),
            hints: Vec::new(),
        }
    }

    #[test]
    fn pauses_double_up_to_their_bound() {
        let object = Object::Component("a".parse().unwrap(), "web".parse().unwrap());
        let mut setbacks = Setbacks::new(Duration::from_secs(1), Duration::from_secs(60));
        let mut now = Moment::from_secs(100);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            setbacks.fail(now, object.clone(), purpose("v1"), problem());
            assert!(setbacks.is_held(now, &object, &purpose("v1")));
            assert!(!setbacks.is_held(now, &object, &purpose("v2")));
            let next = setbacks.deadline(now).unwrap();
            pauses.push((next - now).as_secs());
            assert!(!setbacks.to_input(now)[0].is_retry_due);
            assert!(setbacks.to_input(next)[0].is_retry_due);
            now = next;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        // Another revision is tried at once, and begins anew.
        setbacks.fail(now, object.clone(), purpose("v2"), problem());
        assert_eq!(setbacks.deadline(now), Some(now + Duration::from_secs(1)));
        assert!(
            setbacks
                .problem(&object, &purpose("v2").application)
                .is_some()
        );
        setbacks.clear_application(&"other".parse().unwrap());
        assert_eq!(setbacks.setbacks.len(), 1);
        setbacks.lose_host(&"a".parse().unwrap());
        assert!(setbacks.setbacks.is_empty());
    }
}
