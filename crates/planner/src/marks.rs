//! Marks: the annotations of what is ours, which tell what it was started with.
//!
//! Hosts report the annotations of the command that started something. That is how we know what is ours, and, as
//! inventories tell neither configs nor digests, whether what runs is what is desired.

use std::time::Duration;

use weft_model::annotation::{APPLICATION, CONFIG, DIGEST, LIMITS, MANAGED_BY, SPREAD_NAME};
use weft_model::digest::Digest;
use weft_model::id::{ApplicationName, ConfigName};
use weft_model::labels::Annotations;
use weft_model::limits::LimitOverrides;

/// The keys that tell what something was started with, besides its image, and by whom: what is adopted is started anew, as
/// it may have been started with other configs, and is known as ours from then on.
const DECISIVE: [&str; 4] = [MANAGED_BY, CONFIG, DIGEST, LIMITS];

/// What something is started with, besides its image.
pub(crate) struct Marks<'a> {
    pub(crate) managed_by: &'a str,
    pub(crate) application: &'a ApplicationName,
    pub(crate) config: &'a [ConfigName],
    pub(crate) digest: Option<Digest>,
    pub(crate) limits: Option<&'a LimitOverrides>,
}

// ===== impl Marks =====

impl Marks<'_> {
    /// The annotations of something that counts for the groups `spreads`.
    pub(crate) fn annotations(&self, spreads: &str) -> Annotations {
        let mut annotations = Annotations::from([
            (MANAGED_BY.to_owned(), self.managed_by.to_owned()),
            (APPLICATION.to_owned(), self.application.to_string()),
            (SPREAD_NAME.to_owned(), spreads.to_owned()),
        ]);
        let config: Vec<&str> = self.config.iter().map(ConfigName::as_str).collect();
        let decisive = [
            (CONFIG, config.join(" ")),
            (
                DIGEST,
                self.digest
                    .map(|digest| digest.to_string())
                    .unwrap_or_default(),
            ),
            (LIMITS, self.limits.map(limits_text).unwrap_or_default()),
        ];
        annotations.extend(
            decisive
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_owned(), value)),
        );
        annotations
    }
}

/// Whether two things were started alike, as far as annotations tell.
pub(crate) fn are_alike(a: &Annotations, b: &Annotations) -> bool {
    DECISIVE.iter().all(|key| a.get(*key) == b.get(*key))
}

/// Whether something was started with the config `name`.
pub(crate) fn names_config(annotations: &Annotations, name: &ConfigName) -> bool {
    annotations
        .get(CONFIG)
        .is_some_and(|names| names.split(' ').any(|one| one == name.as_str()))
}

fn limits_text(limits: &LimitOverrides) -> String {
    let LimitOverrides {
        memory_bytes_max,
        table_elements_max,
        call_duration_max,
        call_cpu_max,
        response_body_bytes_max,
        call_depth_max,
        queue_length_max,
        queue_duration_max,
    } = limits;
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    let duration = |value: Option<Duration>| value.map(|value| format!("{value:?}"));
    [
        ("memory", number(*memory_bytes_max)),
        ("table-elements", number(*table_elements_max)),
        ("call-duration", duration(*call_duration_max)),
        ("call-cpu", duration(*call_cpu_max)),
        ("response-body", number(*response_body_bytes_max)),
        ("call-depth", number(call_depth_max.map(u64::from))),
        ("queue-length", number(queue_length_max.map(u64::from))),
        ("queue-duration", duration(*queue_duration_max)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
    .collect::<Vec<_>>()
    .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_tell_what_was_asked_for_and_nothing_else() {
        let application: ApplicationName = "shop".parse().unwrap();
        let config = ["a".parse().unwrap(), "b".parse().unwrap()];
        let limits = LimitOverrides {
            memory_bytes_max: Some(1024),
            call_duration_max: Some(Duration::from_millis(1500)),
            ..LimitOverrides::default()
        };
        let mut marks = Marks {
            managed_by: "weft",
            application: &application,
            config: &config,
            digest: None,
            limits: Some(&limits),
        };
        let full = marks.annotations("default");
        assert_eq!(full[CONFIG], "a b");
        assert_eq!(full[LIMITS], "memory=1024 call-duration=1.5s");
        assert!(!full.contains_key(DIGEST));
        assert!(names_config(&full, &config[1]));
        marks.config = &[];
        let bare = marks.annotations("other");
        assert!(!are_alike(&full, &bare));
        assert!(are_alike(&bare, &marks.annotations("default")));
    }
}
