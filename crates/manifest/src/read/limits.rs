//! The trait `weft.limits`: what one component may use.

use std::time::Duration;

use weft_model::limits::LimitOverrides;

use super::{Field, Fields, Reader, Unknown};
use crate::code::Code;
use crate::keys;
use crate::quantity::{parse_bytes, parse_duration};
use crate::tree::{Plain, Value};
use crate::yaml::excerpt;

/// Reads the properties of the trait. What is wrong is left out.
pub(crate) fn read_limits(properties: &Field<'_>, reader: &mut Reader) -> LimitOverrides {
    let Some(fields) = Fields::read(properties, keys::LIMITS, Unknown::Refused, reader) else {
        return LimitOverrides::default();
    };
    let mut number = |key, min, max| {
        let field = fields.get(key)?;
        let number = field.natural(max, reader)?;
        at_least(&field, number, min, reader)
    };
    let table_elements_max = number("table-elements", 1, u64::MAX);
    let call_depth_max = number("call-depth", 1, u32::MAX.into());
    let queue_length_max = number("queue-length", 0, u32::MAX.into());
    let mut duration = |key, min| {
        let field = fields.get(key)?;
        let duration = read_duration(&field, reader)?;
        at_least(&field, duration, min, reader)
    };
    let call_duration_max = duration("call-duration", Duration::from_millis(1));
    let call_cpu_max = duration("call-cpu", Duration::from_millis(1));
    let queue_duration_max = duration("queue-duration", Duration::ZERO);
    let mut bytes = |key| {
        let field = fields.get(key)?;
        let bytes = read_bytes(&field, reader)?;
        at_least(&field, bytes, 1, reader)
    };
    let memory_bytes_max = bytes("memory");
    let response_body_bytes_max = bytes("response-body");
    LimitOverrides {
        memory_bytes_max,
        table_elements_max,
        call_duration_max,
        call_cpu_max,
        response_body_bytes_max,
        call_depth_max: call_depth_max.map(narrow),
        queue_length_max: queue_length_max.map(narrow),
        queue_duration_max,
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("the number was checked against u32::MAX")
}

/// `value`, unless it is below `min`, with which nothing could run.
fn at_least<T: PartialOrd>(field: &Field<'_>, value: T, min: T, reader: &mut Reader) -> Option<T> {
    if value < min {
        reader.report(field.error(Code::Quantity, "a limit of nothing lets nothing run"));
        return None;
    }
    Some(value)
}

fn read_bytes(field: &Field<'_>, reader: &mut Reader) -> Option<u64> {
    let Value::Scalar(scalar) = &field.node.value else {
        return field.natural(u64::MAX, reader);
    };
    if let Plain::Natural(bytes) = scalar.resolve() {
        return Some(bytes);
    }
    let bytes = parse_bytes(&scalar.text);
    if bytes.is_none() {
        let message = format!("`{}` is not a size", excerpt(&scalar.text));
        reader.report(
            field
                .error(Code::Quantity, message)
                .hint("write a whole number and a unit, such as `64MiB`"),
        );
    }
    bytes
}

fn read_duration(field: &Field<'_>, reader: &mut Reader) -> Option<Duration> {
    let Value::Scalar(scalar) = &field.node.value else {
        field.text(reader);
        return None;
    };
    let duration = parse_duration(&scalar.text);
    if duration.is_none() {
        let message = format!("`{}` is not a duration", excerpt(&scalar.text));
        reader.report(
            field
                .error(Code::Quantity, message)
                .hint("write a whole number and a unit, such as `30s` or `500ms`"),
        );
    }
    duration
}
