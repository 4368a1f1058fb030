//! Numbers about numbers.

/// The middle one; between two middle ones, half way. Zero of none.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let sorted = sorted(numbers);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        None => 0.0,
        Some(upper) if sorted.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(sorted[middle - 1], *upper),
    }
}

/// The smallest and the greatest. Zero of none.
pub(super) fn extremes(numbers: &[f64]) -> (f64, f64) {
    let sorted = sorted(numbers);
    let number = |number: Option<&f64>| number.copied().unwrap_or_default();
    (number(sorted.first()), number(sorted.last()))
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!(median(&[3.0, 1.0, 2.0]).total_cmp(&2.0).is_eq());
        assert!(median(&[4.0, 1.0, 2.0, 3.0]).total_cmp(&2.5).is_eq());
        assert!(median(&[]).total_cmp(&0.0).is_eq());
    }

    #[test]
    fn the_extremes_are_the_ends() {
        let (least, most) = extremes(&[3.0, 1.0, 2.0]);
        assert!(least.total_cmp(&1.0).is_eq() && most.total_cmp(&3.0).is_eq());
    }
}
