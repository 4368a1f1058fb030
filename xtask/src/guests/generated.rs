//! Components that are text which this program writes.

use std::fmt::Write as _;

/// More core instances than any component of use has.
const MANY_INSTANCES: usize = 900;

/// A component whose text is made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Generated {
    /// [`MANY_INSTANCES`] core instances, each with a memory of one page.
    ManyInstances,
}

impl Generated {
    /// All of them.
    pub(crate) const ALL: [Self; 1] = [Self::ManyInstances];

    /// Its name as a guest.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ManyInstances => "many-instances",
        }
    }

    /// Its text.
    pub(crate) fn text(self) -> String {
        match self {
            Self::ManyInstances => many_instances(MANY_INSTANCES),
        }
    }
}

/// A component with this many instances of one core module. It exports a function that gives their number.
fn many_instances(count: usize) -> String {
    let mut text = format!(
        r#"(component
  (core module $part
    (memory 1)
    (func (export "count") (result i32) (i32.const {count})))
"#
    );
    for index in 0..count {
        let _ = writeln!(text, "  (core instance $part{index} (instantiate $part))");
    }
    text.push_str(
        r#"  (func $count (result u32) (canon lift (core func $part0 "count")))
  (instance $instances (export "count" (func $count)))
  (export "test:bomb/instances@0.1.0" (instance $instances)))
"#,
    );
    text
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    #[test]
    fn every_text_is_a_component() {
        for generated in Generated::ALL {
            let bytes = wat::parse_str(generated.text()).unwrap();
            assert!(Parser::is_component(&bytes), "{}", generated.name());
            wasmparser::validate(&bytes).unwrap();
        }
    }

    #[test]
    fn many_instances_has_as_many_as_it_says() {
        let bytes = wat::parse_str(many_instances(37)).unwrap();
        let mut instances = 0;
        for payload in Parser::new(0).parse_all(&bytes) {
            if let Payload::InstanceSection(section) = payload.unwrap() {
                instances += section.count();
            }
        }
        assert_eq!(instances, 37);
    }
}
