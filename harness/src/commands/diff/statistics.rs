//! Whether two groups of values differ by more than chance: a test of ranks, and an interval by resampling.
//!
//! **Invariant:** the same values give the same result.

use hopwise_kernel::Rng;
use statrs::distribution::{ContinuousCDF, Normal};

/// Groups of at most so many values together are tested exactly.
const EXACT_MAX: usize = 60;
/// Resampled pairs of groups.
const RESAMPLES: usize = 4000;

/// The median; of an even number of values, the mean of the middle two. 0 for no values.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// How many times `to` is as large as `from`. Both 0: 1.
pub(super) fn ratio(from: f64, to: f64) -> f64 {
    if from == to { 1.0 } else { to / from }
}

/// The two-sided p-value of the hypothesis that both groups are drawn from the same distribution, by the sum of
/// the ranks of the first one (Mann and Whitney, *On a test of whether one of two random variables is
/// stochastically larger than the other*, 1947). Equal values share their mean rank. The distribution of the sum
/// is that over all ways to divide the values that were found; for large groups, a normal one.
pub(super) fn rank_test(a: &[f64], b: &[f64]) -> f64 {
    let (n, all) = (a.len(), a.len() + b.len());
    if a.is_empty() || b.is_empty() {
        return 1.0;
    }
    let doubled = doubled_ranks(a, b);
    let found: usize = doubled[..n].iter().sum();
    // Twice the mean of the sum.
    let mean = n * (all + 1);
    let distance = found.abs_diff(mean);
    if distance == 0 {
        return 1.0;
    }
    if all <= EXACT_MAX {
        exact(&doubled, n, mean, distance)
    } else {
        normal(&doubled, n, distance)
    }
}

/// The least p-value that groups of these sizes can have.
pub(super) fn least_p(n: usize, m: usize) -> f64 {
    let ways = (1..=n).fold(1.0, |ways, k| ways * (m + k) as f64 / k as f64);
    (2.0 / ways).min(1.0)
}

/// Twice the ranks of all values, from 1: those of `a`, then those of `b`.
fn doubled_ranks(a: &[f64], b: &[f64]) -> Vec<usize> {
    let values: Vec<f64> = a.iter().chain(b).copied().collect();
    let rank = |value: &f64| {
        let below = values.iter().filter(|it| *it < value).count();
        let equal = values.iter().filter(|it| *it == value).count();
        2 * below + equal + 1
    };
    values.iter().map(rank).collect()
}

/// The share of the ways to choose `n` of these numbers whose sum is at least `distance` from `mean`.
fn exact(doubled: &[usize], n: usize, mean: usize, distance: usize) -> f64 {
    let most: usize = doubled.iter().sum();
    // ways[k][s]: the ways to choose k of the numbers so far with the sum s.
    let mut ways = vec![vec![0.0_f64; most + 1]; n + 1];
    ways[0][0] = 1.0;
    for &number in doubled {
        for k in (1..=n).rev() {
            let (fewer, more) = ways.split_at_mut(k);
            for sum in number..=most {
                more[0][sum] += fewer[k - 1][sum - number];
            }
        }
    }
    let all: f64 = ways[n].iter().sum();
    let far = ways[n].iter().enumerate().filter(|(sum, _)| sum.abs_diff(mean) >= distance);
    far.map(|(_, ways)| ways).sum::<f64>() / all
}

fn normal(doubled: &[usize], n: usize, distance: usize) -> f64 {
    let all = doubled.len() as f64;
    let mean = (all + 1.0) / 2.0;
    let squares = doubled.iter().map(|&rank| (rank as f64 / 2.0 - mean).powi(2));
    let variance = squares.sum::<f64>() / (all - 1.0);
    let m = all - n as f64;
    let deviation = (variance * n as f64 * m / all).sqrt();
    let standard = Normal::new(0.0, 1.0).expect("the deviation is positive");
    // Half a rank for the steps of the sum.
    let z = (distance as f64 / 2.0 - 0.5).max(0.0) / deviation;
    (2.0 * standard.cdf(-z)).min(1.0)
}

/// The interval that has the ratio of the medians with 95 % confidence: the middle 95 % of the ratios of
/// resampled groups (Efron and Tibshirani, *An introduction to the bootstrap*, 1993, chapter 13). `None` if a group has
/// fewer than two values, or a median of 0.
pub(super) fn interval(a: &[f64], b: &[f64]) -> Option<[f64; 2]> {
    if a.len() < 2 || b.len() < 2 || median(a) == 0.0 {
        return None;
    }
    let mut rng = Rng::new(1, 0);
    let mut resampled = |values: &[f64]| {
        let drawn: Vec<f64> =
            values.iter().map(|_| values[rng.below(values.len() as u64) as usize]).collect();
        median(&drawn)
    };
    let ratios = (0..RESAMPLES).map(|_| (resampled(a), resampled(b)));
    let mut ratios: Vec<f64> =
        ratios.map(|(a, b)| ratio(a, b)).filter(|ratio| !ratio.is_nan()).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios.get((share * (ratios.len() - 1) as f64).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

/// Which of the hypotheses with these p-values are refuted, so that the chance of any error is at most `level`
/// (Holm, *A simple sequentially rejective multiple test procedure*, 1979).
pub(super) fn refuted(p_values: &[f64], level: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut refuted = vec![false; p_values.len()];
    for (place, &at) in order.iter().enumerate() {
        if p_values[at] > level / (p_values.len() - place) as f64 {
            break;
        }
        refuted[at] = true;
    }
    refuted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        assert_eq!([median(&[]), median(&[3.0]), median(&[4.0, 1.0, 2.0, 9.0])], [0.0, 3.0, 3.0]);
        assert_eq!([ratio(0.0, 0.0), ratio(2.0, 3.0)], [1.0, 1.5]);
        assert!(ratio(0.0, 1.0).is_infinite());
    }

    #[test]
    fn p_values_are_those_of_the_tables() {
        // Of the 20 ways to choose three of six, one has the least and one the greatest sum.
        let (low, high) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        assert!((rank_test(&low, &high) - 0.1).abs() < 1e-12);
        assert!((rank_test(&high, &low) - 0.1).abs() < 1e-12);
        assert!((least_p(3, 3) - 0.1).abs() < 1e-12);
        assert!((least_p(7, 7) - 2.0 / 3432.0).abs() < 1e-12);
        // U = 3 of 5 and 5 values: 7 of the 126 ways in each tail (Owen, *Handbook of statistical tables*, 1962).
        let (a, b) = ([1.0, 2.0, 3.0, 5.0, 7.0], [4.0, 6.0, 8.0, 9.0, 10.0]);
        assert!((rank_test(&a, &b) - 14.0 / 252.0).abs() < 1e-12, "{}", rank_test(&a, &b));
        assert_eq!(rank_test(&[1.0, 1.0], &[1.0, 1.0, 1.0]), 1.0);
        assert_eq!(rank_test(&[], &[1.0]), 1.0);
    }

    #[test]
    fn the_normal_distribution_is_near_the_exact_one() {
        let a: Vec<f64> = (0..25).map(f64::from).collect();
        let b: Vec<f64> = (0..25).map(|at| f64::from(at) + 4.5).collect();
        let doubled = doubled_ranks(&a, &b);
        let (found, mean): (usize, usize) = (doubled[..25].iter().sum(), 25 * 51);
        let distance = found.abs_diff(mean);
        let (exact, normal) = (exact(&doubled, 25, mean, distance), normal(&doubled, 25, distance));
        assert!((exact / normal - 1.0).abs() < 0.05, "{exact} {normal}");
    }

    #[test]
    fn chance_alone_is_seldom_refuted() {
        let mut rng = Rng::new(7, 0);
        let draw = |rng: &mut Rng| (0..8).map(|_| rng.unit()).collect::<Vec<f64>>();
        let (mut below, mut wrong, rounds, figures) = (0, 0, 400, 12);
        for _ in 0..rounds {
            let p: Vec<f64> =
                (0..figures).map(|_| rank_test(&draw(&mut rng), &draw(&mut rng))).collect();
            below += p.iter().filter(|p| **p <= 0.05).count();
            wrong += usize::from(refuted(&p, 0.05).contains(&true));
        }
        // 5 % of each, and together: within four standard deviations.
        assert!((below as f64 / f64::from(rounds * figures) - 0.05).abs() < 0.013, "{below}");
        assert!(wrong as f64 / f64::from(rounds) < 0.05 + 0.044, "{wrong}");
    }

    #[test]
    fn a_shift_is_refuted_and_its_interval_has_it() {
        let a: Vec<f64> = (0..8).map(|at| 100.0 + f64::from(at % 4)).collect();
        let b: Vec<f64> = a.iter().map(|it| it * 1.05).collect();
        assert!(rank_test(&a, &b) < 0.001);
        let [low, high] = interval(&a, &b).expect("there are several values");
        assert!(low > 1.02 && low < 1.05 && high > 1.05 && high < 1.08, "{low} {high}");
        assert_eq!(interval(&a, &b[..1]), None);
        assert_eq!(refuted(&[0.03, 0.001, 0.2], 0.05), [false, true, false]);
        assert_eq!(refuted(&[0.02, 0.001, 0.04], 0.05), [true, true, true]);
    }
}
