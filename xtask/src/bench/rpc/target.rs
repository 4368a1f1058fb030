//! What calls are to reach, and whether they did.

use std::fmt;

use serde_json::{Value, json};

/// A line with what it is to reach.
pub(super) struct Target {
    pub(super) name: String,
    /// What was measured: a ratio, or megabytes.
    pub(super) measured: Option<f64>,
    pub(super) bound: Bound,
    /// Median and 99th percentile in microseconds, where it is about calls.
    pub(super) times: Option<(f64, f64)>,
}

/// What it is to reach.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    /// Megabytes.
    AtMost(f64),
}

impl Target {
    /// `None` where nothing could be measured.
    fn is_met(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.bound {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let (kind, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at_least", bound),
            Bound::AtMost(bound) => ("at_most", bound),
        };
        json!({
            "name": self.name,
            "measured": self.measured,
            kind: bound,
            "is_met": self.is_met(),
            "p50_us": self.times.map(|(middle, _)| middle),
            "p99_us": self.times.map(|(_, tail)| tail),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.is_met() {
            Some(true) => "pass",
            Some(false) => "FAIL",
            None => "not measured",
        };
        let measured = self
            .measured
            .map_or_else(|| "?".to_owned(), |measured| format!("{measured:.2}"));
        let bound = match self.bound {
            Bound::AtLeast(bound) => format!(">= {bound:.2}"),
            Bound::AtMost(bound) => format!("<= {bound:.0} MB"),
        };
        write!(f, "{:<44} {measured:>8} {bound:>10}  {verdict}", self.name)?;
        if let Some((middle, tail)) = self.times {
            write!(f, "  p50 {middle:.0} µs, p99 {tail:.0} µs")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_to_be_reached_and_whether_it_was() {
        let mut target = Target {
            name: "single message".to_owned(),
            measured: Some(0.91),
            bound: Bound::AtLeast(0.8),
            times: Some((400.0, 900.0)),
        };
        let line = target.to_string();
        assert!(
            line.contains("0.91") && line.contains(">= 0.80") && line.contains("pass"),
            "{line}"
        );
        assert!(
            line.contains("p50 400") && line.contains("p99 900"),
            "{line}"
        );
        target.measured = Some(0.79);
        assert!(target.to_string().contains("FAIL"));
        target.bound = Bound::AtMost(1.0);
        assert_eq!(target.is_met(), Some(true));
        target.measured = None;
        assert!(target.to_string().contains("not measured"));
    }
}
