//! A logarithmic axis: its range, and how its values are written.
//!
//! **Invariant:** its range is finite, above 0 and not empty.

use std::ops::Range;

use super::ticks;

/// How far an axis reaches beyond its values, as a factor.
const ROOM: f64 = 1.3;
/// The least value on an axis, as a share of the largest: 0 has no place on it.
const LEAST_SHARE: f64 = 1e-9;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) title: &'static str,
    pub(crate) range: Range<f64>,
    steps: Steps,
    text: fn(&f64) -> String,
}

/// Which values are round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Steps {
    /// 1, 2, 5, 10 and so on.
    Decimal,
    /// Powers of two, for bytes.
    Binary,
}

impl Axis {
    /// An axis for these values, with some room on both sides.
    pub(crate) fn around(
        title: &'static str,
        values: impl IntoIterator<Item = f64>,
        steps: Steps,
        text: fn(&f64) -> String,
    ) -> Axis {
        let known = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
        let ends = known.fold(None, |ends, value| {
            let (least, most) = ends.unwrap_or((value, value));
            Some((f64::min(least, value), f64::max(most, value)))
        });
        let (least, most) = ends.unwrap_or((1.0, 1.0));
        let range = least.max(most * LEAST_SHARE) / ROOM..most * ROOM;
        Axis { title, range, steps, text }
    }

    /// An axis from `start` to `end`.
    pub(crate) fn from_to(
        title: &'static str,
        range: Range<f64>,
        steps: Steps,
        text: fn(&f64) -> String,
    ) -> Axis {
        Axis { title, range, steps, text }
    }

    /// The value within the range that is nearest to `value`.
    pub(super) fn clamped(&self, value: f64) -> f64 {
        value.clamp(self.range.start, self.range.end)
    }

    /// The values that have a label.
    pub(super) fn ticks(&self) -> Vec<f64> {
        ticks::within(&self.range, self.steps == Steps::Binary)
    }

    /// The label of a value.
    pub(super) fn text(&self, value: f64) -> String {
        without_zeros(&(self.text)(&value))
    }

    /// Where a value lies on the axis, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let Range { start, end } = self.range;
        (self.clamped(value) / start).ln() / (end / start).ln()
    }
}

/// `32 B` for `32.0 B`: a round value needs no digits after the point.
fn without_zeros(text: &str) -> String {
    let (number, unit) = text.split_at(text.find(' ').unwrap_or(text.len()));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_reaches_beyond_its_values() {
        let axis = |values: &[f64]| {
            Axis::around("x", values.iter().copied(), Steps::Decimal, f64::to_string)
        };
        assert_eq!(axis(&[13.0, 26.0]).range, 10.0..33.800000000000004);
        assert_eq!(axis(&[]).range, 1.0 / 1.3..1.3);
        let with_zero = axis(&[0.0, 10.0]);
        assert!(with_zero.range.start > 0.0 && with_zero.place(0.0) == 0.0);
        assert_eq!(axis(&[f64::NAN, 1.3]).range.start, 1.0);
        let tall = Axis::from_to("x", 1.0..100.0, Steps::Decimal, f64::to_string);
        assert!((tall.place(10.0) - 0.5).abs() < 1e-12);
        let texts = ["32.0 B", "1.50 s", "1,000", "100", "2.00"].map(without_zeros);
        assert_eq!(texts, ["32 B", "1.5 s", "1,000", "100", "2"]);
    }
}
