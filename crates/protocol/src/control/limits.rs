//! Limits of a component as a map of texts (spec §1.3).

use std::collections::BTreeMap;
use std::time::Duration;

use weft_model::limits::LimitOverrides;

use crate::wire::limit;

/// Limits by name, as decimal numbers in text; see [`wire::limit`](crate::wire::limit).
pub type LimitMap = BTreeMap<String, String>;

/// The limits that `map` asks for. As on a 1.9 host, unknown keys and values that are no number ask for nothing.
pub fn parse_limits(map: &LimitMap) -> LimitOverrides {
    let number = |key: &str| map.get(key).and_then(|text| text.parse::<u64>().ok());
    let count = |key: &str| map.get(key).and_then(|text| text.parse::<u32>().ok());
    let ms = |key: &str| number(key).map(Duration::from_millis);
    LimitOverrides {
        memory_bytes_max: number(limit::MEMORY_BYTES),
        table_elements_max: number(limit::TABLE_ELEMENTS),
        call_duration_max: ms(limit::CALL_MS)
            .or_else(|| number(limit::CALL_SECONDS).map(Duration::from_secs)),
        call_cpu_max: ms(limit::CALL_CPU_MS),
        response_body_bytes_max: number(limit::RESPONSE_BODY_BYTES),
        call_depth_max: count(limit::CALL_DEPTH),
        queue_length_max: count(limit::QUEUE_LENGTH),
        queue_duration_max: ms(limit::QUEUE_MS),
    }
}

/// `limits` as a map; `None` when they ask for nothing.
///
/// Durations are cut to milliseconds. A call duration that is not whole seconds is rounded up for 1.9 hosts and given
/// exactly in a key of ours.
pub fn render_limits(limits: &LimitOverrides) -> Option<LimitMap> {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let call_ms = limits.call_duration_max.map(ms);
    let entries = [
        (limit::MEMORY_BYTES, limits.memory_bytes_max),
        (limit::CALL_SECONDS, call_ms.map(|ms| ms.div_ceil(1000))),
        (limit::CALL_MS, call_ms.filter(|ms| ms % 1000 != 0)),
        (limit::TABLE_ELEMENTS, limits.table_elements_max),
        (limit::CALL_CPU_MS, limits.call_cpu_max.map(ms)),
        (limit::RESPONSE_BODY_BYTES, limits.response_body_bytes_max),
        (limit::CALL_DEPTH, limits.call_depth_max.map(u64::from)),
        (limit::QUEUE_LENGTH, limits.queue_length_max.map(u64::from)),
        (limit::QUEUE_MS, limits.queue_duration_max.map(ms)),
    ];
    let map: LimitMap = entries
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_string())))
        .collect();
    (!map.is_empty()).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> LimitMap {
        pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn execution_time_is_in_seconds() {
        let limits = parse_limits(&map(&[
            ("max_memory_limit", "67108864"),
            ("max_execution_time", "5"),
        ]));
        assert_eq!(limits.memory_bytes_max, Some(64 << 20));
        assert_eq!(limits.call_duration_max, Some(Duration::from_secs(5)));
        assert_eq!(limits.call_cpu_max, None);
    }

    #[test]
    fn all_limits_survive_the_trip() {
        let limits = LimitOverrides {
            memory_bytes_max: Some(1),
            table_elements_max: Some(2),
            call_duration_max: Some(Duration::from_millis(2500)),
            call_cpu_max: Some(Duration::from_millis(4)),
            response_body_bytes_max: Some(1 << 20),
            call_depth_max: Some(5),
            queue_length_max: Some(6),
            queue_duration_max: Some(Duration::from_millis(7)),
        };
        let rendered = render_limits(&limits).unwrap();
        assert_eq!(rendered["max_execution_time"], "3");
        assert_eq!(parse_limits(&rendered), limits);
        assert_eq!(render_limits(&LimitOverrides::default()), None);
    }

    #[test]
    fn what_is_no_number_asks_for_nothing() {
        let odd = map(&[
            ("max_memory_limit", "lots"),
            ("max_execution_time", "-1"),
            ("x", "1"),
        ]);
        assert_eq!(parse_limits(&odd), LimitOverrides::default());
    }
}
