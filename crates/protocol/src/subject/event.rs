//! Subjects of lattice events (spec §2).

use weft_model::id::LatticeName;

use super::SubjectError;
use crate::wire;

/// The subject on which the event `name` of `lattice` is published.
pub fn event_subject(lattice: &LatticeName, name: &str) -> String {
    format!("{}.{lattice}.{name}", wire::EVENT_PREFIX)
}

/// The subject that matches all events of `lattice`.
pub fn events_subject(lattice: &LatticeName) -> String {
    event_subject(lattice, ">")
}

/// The name of the event that is published on `subject`.
///
/// # Errors
///
/// [`SubjectError::Foreign`] when it is no event subject of `lattice`, [`SubjectError::Unsupported`] when the name is
/// empty.
pub fn parse_event_subject<'a>(
    lattice: &LatticeName,
    subject: &'a str,
) -> Result<&'a str, SubjectError> {
    let name = subject
        .strip_prefix(wire::EVENT_PREFIX)
        .and_then(|rest| rest.strip_prefix('.'))
        .and_then(|rest| rest.strip_prefix(lattice.as_str()))
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or(SubjectError::Foreign)?;
    if name.is_empty() {
        return Err(SubjectError::Unsupported);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_subject_ends_in_the_name_of_the_event() {
        let lattice = LatticeName::default();
        let subject = event_subject(&lattice, "host_started");
        assert_eq!(subject, "wasmbus.evt.default.host_started");
        assert_eq!(parse_event_subject(&lattice, &subject), Ok("host_started"));
        assert_eq!(
            parse_event_subject(&lattice, "wasmbus.evt.other.host_started"),
            Err(SubjectError::Foreign)
        );
        assert_eq!(events_subject(&lattice), "wasmbus.evt.default.>");
    }
}
