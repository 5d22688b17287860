//! The median of a few samples, with their spread and a confidence interval.
//!
//! **Invariant:** no mean, and no assumption about the distribution, so one outlier does not move a
//! figure.

use serde::Serialize;

/// Probability that the true median lies below the interval, and that it lies above.
const TAIL: f64 = 0.025;

/// Fewest samples whose minimum and maximum enclose the true median with 95 % confidence.
const MIN_SAMPLES: usize = 6;

/// A summary of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median. For an even number of samples, the mean of the middle two.
    pub median: f64,
    /// Lower end of the 95 % interval of the median; see [`is_enough`](Self::is_enough).
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
    /// Number of samples.
    pub count: usize,
}

impl Spread {
    /// The spread of `samples`; `None` if there are none.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Spread> {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let count = sorted.len();
        let median = f64::midpoint(sorted[(count - 1) / 2], sorted[count / 2]);
        let outside = outside(count);
        let (low, high) = (sorted[outside], sorted[count - 1 - outside]);
        Some(Spread { median, low, high, min, max, count })
    }

    /// Whether there are enough samples for a 95 % interval from `low` to `high`.
    #[must_use]
    pub fn is_enough(&self) -> bool {
        self.count >= MIN_SAMPLES
    }
}

/// The number of samples, of `count`, to cut off at each end so that the rest still encloses the
/// true median. Each sample lies below it with a probability of one half.
fn outside(count: usize) -> usize {
    // The probability that exactly `below` samples lie below the median, and that at most so many
    // do.
    let (mut exactly, mut at_most, mut below) = (0.5_f64.powi(count as i32), 0.0, 0);
    loop {
        at_most += exactly;
        if at_most > TAIL {
            return below.max(1) - 1;
        }
        exactly *= (count - below) as f64 / (below + 1) as f64;
        below += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let numbers = |samples: &[f64]| {
            Spread::of(samples).map(|spread| (spread.min, spread.median, spread.max, spread.count))
        };
        assert_eq!(numbers(&[]), None);
        assert_eq!(numbers(&[3.0]), Some((3.0, 3.0, 3.0, 1)));
        assert_eq!(numbers(&[9.0, 1.0, 100.0]), Some((1.0, 9.0, 100.0, 3)));
        assert_eq!(numbers(&[4.0, 1.0, 2.0, 100.0]), Some((1.0, 3.0, 100.0, 4)));
    }

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // Tables of the sign test, 5 % on both sides: the ranks that enclose the median.
        for (count, lowest_rank) in
            [(1, 1), (5, 1), (6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (20, 6), (30, 10)]
        {
            let samples: Vec<f64> = (1..=count).map(f64::from).collect();
            let spread = Spread::of(&samples).expect("there are samples");
            let highest_rank = count + 1 - lowest_rank;
            let interval = (f64::from(lowest_rank), f64::from(highest_rank));
            assert_eq!((spread.low, spread.high), interval, "{count} samples");
            assert_eq!(spread.is_enough(), count > 5, "{count} samples");
        }
    }
}
