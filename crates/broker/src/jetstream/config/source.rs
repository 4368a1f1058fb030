//! The configuration of what a stream takes from other streams, and of the rules that change subjects.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stream::is_zero_u64;
use super::{StreamConfig, refuse_stream_option, strict, unsupported};
use crate::jetstream::ApiError;
use crate::jetstream::clock::WallTime;
use crate::jetstream::transform::Transform;
use crate::subject;

/// Most sources of one stream, and most rules of one source.
const SOURCES_MAX: usize = 100;

/// The fields that are understood.
const FIELDS: [&str; 5] = [
    "name",
    "opt_start_seq",
    "opt_start_time",
    "filter_subject",
    "subject_transforms",
];

/// A stream that another one takes messages from, with the names and the order of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SourceConfig {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub(crate) opt_start_seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opt_start_time: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filter_subject: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subject_transforms: Vec<TransformConfig>,
}

/// A rule that gives messages another subject. One without a destination only chooses them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TransformConfig {
    #[serde(rename = "src")]
    pub(crate) source: String,
    #[serde(rename = "dest")]
    pub(crate) destination: String,
}

// ---------------------------------------------------------------------------------------------------------

impl SourceConfig {
    /// Reads the list of sources, refusing every option that is not offered.
    pub(super) fn parse_list(value: Value) -> Result<Vec<Self>, ApiError> {
        let list: Vec<Map<String, Value>> =
            serde_json::from_value(value).map_err(|_| ApiError::INVALID_JSON)?;
        list.into_iter()
            .map(|mut object| {
                let rules = object.remove("subject_transforms").unwrap_or_default();
                let mut source: Self = strict::parse(object, &FIELDS, |option| {
                    refuse_stream_option(&format!("sources.{option}"))
                })?;
                let rules: Option<Vec<Value>> =
                    serde_json::from_value(rules).map_err(|_| ApiError::INVALID_JSON)?;
                source.subject_transforms = rules
                    .into_iter()
                    .flatten()
                    .map(TransformConfig::parse)
                    .collect::<Result<_, _>>()?;
                Ok(source)
            })
            .collect()
    }

    /// The filters of what is taken; none means everything.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &String> {
        let rules = self.subject_transforms.iter().map(|rule| &rule.source);
        Some(&self.filter_subject)
            .filter(|filter| !filter.is_empty())
            .into_iter()
            .chain(rules)
    }

    /// What tells this source from the others of a stream, in three parts: stream, filters and destinations.
    pub(crate) fn key(&self) -> [String; 3] {
        let join = |texts: Vec<&str>| {
            let texts: Vec<&str> = texts
                .into_iter()
                .map(|text| if text.is_empty() { ">" } else { text })
                .collect();
            texts.join("\u{c}")
        };
        let rules = &self.subject_transforms;
        if rules.is_empty() {
            let filter = join(vec![&self.filter_subject]);
            return [self.name.clone(), filter, ">".to_owned()];
        }
        [
            self.name.clone(),
            join(rules.iter().map(|rule| rule.source.as_str()).collect()),
            join(rules.iter().map(|rule| rule.destination.as_str()).collect()),
        ]
    }

    fn check(&self) -> Result<(), ApiError> {
        if !subject::is_valid_name(&self.name) {
            return Err(ApiError::SOURCE_BAD_NAME);
        }
        if !self.filter_subject.is_empty() && !self.subject_transforms.is_empty() {
            return Err(ApiError::SOURCE_FILTER_TWICE);
        }
        if self.subject_transforms.len() > SOURCES_MAX {
            let what = format!("more than {SOURCES_MAX} subject transforms of a source");
            return Err(ApiError::stream_invalid_config(unsupported(&what)));
        }
        if let Some(time) = &self.opt_start_time
            && WallTime::parse(time).is_none()
        {
            return Err(ApiError::INVALID_JSON);
        }
        let filters: Vec<&[u8]> = self.filters().map(|filter| filter.as_bytes()).collect();
        if let Some(bad) = self
            .filters()
            .find(|filter| !subject::is_valid_filter(filter.as_bytes()))
        {
            let text = format!("source transform source: invalid subject {bad}");
            return Err(ApiError::source_invalid_filter(text));
        }
        for rule in &self.subject_transforms {
            Transform::parse(&rule.source, &rule.destination).map_err(|error| {
                ApiError::source_invalid_destination(format!("source transform: {error}"))
            })?;
        }
        for (at, left) in filters.iter().enumerate() {
            if filters
                .iter()
                .enumerate()
                .any(|(other, right)| other != at && subject::is_subset(left, right))
            {
                return Err(ApiError::SOURCE_FILTERS_OVERLAP);
            }
        }
        Ok(())
    }
}

impl TransformConfig {
    /// Reads one rule, refusing every option that is not offered.
    pub(super) fn parse(value: Value) -> Result<Self, ApiError> {
        let object: Map<String, Value> =
            serde_json::from_value(value).map_err(|_| ApiError::INVALID_JSON)?;
        strict::parse(object, &["src", "dest"], |option| {
            refuse_stream_option(&format!("subject transform {option}"))
        })
    }
}

impl StreamConfig {
    /// Checks sources and rules by themselves.
    pub(super) fn check_sources(&self) -> Result<(), ApiError> {
        if self.sources.len() > SOURCES_MAX {
            let what = format!("more than {SOURCES_MAX} sources");
            return Err(ApiError::stream_invalid_config(unsupported(&what)));
        }
        let mut seen = HashSet::new();
        for source in &self.sources {
            source.check()?;
            if !seen.insert(source.key()) {
                return Err(ApiError::SOURCE_TWICE);
            }
        }
        if let Some(rule) = &self.subject_transform {
            if !rule.source.is_empty() && !subject::is_valid_filter(rule.source.as_bytes()) {
                return Err(ApiError::stream_transform_invalid_source(format!(
                    "stream transform source: invalid subject {}",
                    rule.source
                )));
            }
            Transform::parse(&rule.source, &rule.destination).map_err(|error| {
                ApiError::stream_transform_invalid_destination(format!("stream transform: {error}"))
            })?;
        }
        Ok(())
    }

    /// Checks the sources against the other streams, which `find` gives by name.
    ///
    /// Whatever the filters, no stream may take from itself, even through others: rules could turn what comes
    /// back into something that is taken again. This is stricter than the reference server.
    pub(crate) fn check_among<'a>(
        &'a self,
        find: impl Fn(&str) -> Option<&'a Self>,
    ) -> Result<(), ApiError> {
        for source in &self.sources {
            if let Some(origin) = find(&source.name)
                && self.max_msg_size > 0
                && origin.max_msg_size > self.max_msg_size
            {
                return Err(ApiError::SOURCE_MESSAGES_TOO_LARGE);
            }
        }
        let mut seen = BTreeSet::new();
        let mut left: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
        while let Some(name) = left.pop() {
            if name == self.name {
                return Err(ApiError::stream_invalid_config("detected cycle"));
            }
            if seen.insert(name)
                && let Some(origin) = find(name)
            {
                left.extend(origin.sources.iter().map(|source| &*source.name));
            }
        }
        Ok(())
    }
}
