//! Which values of a logarithmic axis have a label.
//!
//! **Invariant:** there are at most [`MOST`] of them, and at least two if the range has room for two round values.

use std::ops::Range;

/// Labels on an axis, at most: more would touch each other.
const MOST: usize = 9;
/// With fewer, a short range gets values at even distances.
const FEW: usize = 4;
/// The multiples of a power of ten that are round, from few to many.
const OF_TEN: [&[f64]; 4] =
    [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]];

/// The same for a power of two.
const OF_TWO: &[f64] = &[1.0, 1.5];

/// The round values in `range`, in order. They are round as multiples of powers of two if `is_binary`.
pub(super) fn within(range: &Range<f64>, is_binary: bool) -> Vec<f64> {
    let sets = if is_binary { powers_of_two(range) } else { parts_of_ten(range) };
    let fits = |ticks: &Vec<f64>| ticks.len() <= MOST;
    let densest = sets.into_iter().filter(fits).max_by_key(Vec::len).unwrap_or_default();
    if densest.len() >= FEW {
        return densest;
    }
    let even = even(range);
    if even.len() > densest.len() { even } else { densest }
}

fn parts_of_ten(range: &Range<f64>) -> Vec<Vec<f64>> {
    let (first, last) = exponents(range, 10.0);
    let ticks = |every: i32, parts: &[f64]| {
        let powers = (first..=last).filter(|power| power.rem_euclid(every) == 0);
        let all = powers.flat_map(|power| parts.iter().map(move |part| decimal(*part, power)));
        all.filter(|tick| range.contains(tick)).collect()
    };
    let thinned = [8, 4, 3, 2].map(|every| ticks(every, OF_TEN[0]));
    thinned.into_iter().chain(OF_TEN.map(|parts| ticks(1, parts))).collect()
}

fn powers_of_two(range: &Range<f64>) -> Vec<Vec<f64>> {
    let (first, last) = exponents(range, 2.0);
    let ticks = |every: i32, parts: &[f64]| {
        let powers = (first..=last).filter(|power| power.rem_euclid(every) == 0);
        let all = powers.flat_map(|power| parts.iter().map(move |part| part * 2f64.powi(power)));
        all.filter(|tick| range.contains(tick)).collect()
    };
    let whole = [20, 10, 5, 4, 3, 2, 1].map(|every| ticks(every, &[1.0]));
    whole.into_iter().chain([ticks(1, OF_TWO)]).collect()
}

/// The powers of `base` at or just outside the ends of `range`.
fn exponents(range: &Range<f64>, base: f64) -> (i32, i32) {
    let of = |value: f64| value.log(base);
    (of(range.start).floor() as i32, of(range.end).ceil() as i32)
}

/// Values at even distances, which are 1, 2 or 5 times a power of ten.
fn even(range: &Range<f64>) -> Vec<f64> {
    let length = range.end - range.start;
    let power = (length / MOST as f64).log10().floor() as i32;
    let steps = (power..=power + 2).flat_map(|power| [1.0, 2.0, 5.0].map(|part| (part, power)));
    for (part, power) in steps {
        let step = decimal(part, power);
        let (first, last) = ((range.start / step).ceil(), (range.end / step).floor());
        if last - first < MOST as f64 {
            return (first as i64..=last as i64)
                .map(|nth| decimal(part * nth as f64, power))
                .collect();
        }
    }
    Vec::new()
}

/// `value × 10^power`, as near as it can be: 0.3, not 0.30000000000000004.
fn decimal(value: f64, power: i32) -> f64 {
    if power < 0 { value / 10f64.powi(-power) } else { value * 10f64.powi(power) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round_and_neither_few_nor_many() {
        for (range, expected) in [
            (1.0..3000.0, &[1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0][..]),
            (0.9..60.0, &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0]),
            (280.0..1500.0, &[300.0, 400.0, 500.0, 700.0, 1000.0]),
            (0.21..0.33, &[0.22, 0.24, 0.26, 0.28, 0.3, 0.32]),
            (1.0..1e10, &[1.0, 1e2, 1e4, 1e6, 1e8]),
        ] {
            assert_eq!(within(&range, false), expected, "{range:?}");
        }
        let halves = [24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0, 256.0];
        assert_eq!(within(&(18.0..260.0), true), halves);
        assert_eq!(
            within(&(100.0..1e6), true),
            [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0]
        );
        assert_eq!(within(&(70.0..120.0), true), [70.0, 80.0, 90.0, 100.0, 110.0, 120.0]);
    }

    proptest! {
        #[test]
        fn every_range_has_some_ticks(
            start in -12.0..12.0_f64,
            decades in 0.05..15.0_f64,
            is_binary in any::<bool>(),
        ) {
            let range = 10f64.powf(start)..10f64.powf(start + decades);
            let ticks = within(&range, is_binary);
            prop_assert!((2..=MOST + 1).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.is_sorted());
            let reach = range.start * (1.0 - 1e-9)..range.end * (1.0 + 1e-9);
            prop_assert!(ticks.iter().all(|tick| reach.contains(tick)), "{ticks:?}");
        }
    }
}
