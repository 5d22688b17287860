//! The number of copies of each item, from its popularity.
//!
//! **Invariant:** the total is as configured, and each item has at least one copy and at most one per
//! host.

use hopwise_kernel::Rng;

use crate::scenario::{Items, Replication};

/// Bisection steps until a scale is exact to the last bit.
const HALVINGS: u32 = 64;

/// The copies of each item, most popular first. At most `most` hosts can hold one; `most` is at
/// least 1.
pub(super) fn copies(items: &Items, most: u32, rng: &mut Rng) -> Vec<u32> {
    let skew = match items.replication {
        Replication::Uniform => 0.0,
        Replication::Proportional => items.exponent,
        Replication::SquareRoot => items.exponent / 2.0,
    };
    let weights: Vec<f64> =
        (1..=items.population).map(|rank| f64::from(rank).powf(-skew)).collect();
    let total = (f64::from(items.population) * items.replicas).round() as u64;
    let room = u64::from(items.population) * u64::from(most);
    apportion(&weights, total.clamp(items.population.into(), room), most, rng)
}

/// Apportions `total` in proportion to non-increasing `weights`, with 1 … `most` for each: first
/// the integer parts, then one each for the largest remainders (Hamilton's method). Ties are
/// random.
fn apportion(weights: &[f64], total: u64, most: u32, rng: &mut Rng) -> Vec<u32> {
    let scale = scale(weights, total, most);
    let quotas: Vec<f64> = weights.iter().map(|weight| quota(weight * scale, most)).collect();
    let mut parts: Vec<u32> = quotas.iter().map(|&quota| quota as u32).collect();
    let mut by_remainder: Vec<(f64, u64, usize)> =
        quotas.iter().enumerate().map(|(at, quota)| (quota.fract(), rng.next_u64(), at)).collect();
    by_remainder.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut left = total - parts.iter().map(|&part| u64::from(part)).sum::<u64>();
    while left > 0 {
        for &(_, _, at) in &by_remainder {
            if left > 0 && parts[at] < most {
                parts[at] += 1;
                left -= 1;
            }
        }
    }
    parts
}

/// The largest scale at which the quotas do not exceed `total`.
fn scale(weights: &[f64], total: u64, most: u32) -> f64 {
    let sum = |log_scale: f64| -> f64 {
        let scale = log_scale.exp();
        weights.iter().map(|weight| quota(weight * scale, most)).sum()
    };
    let ends = (weights.first(), weights.last());
    let (Some(greatest), Some(least)) = ends else { return 0.0 };
    // At the lower end every item gets 1, at the upper end `most`.
    let (mut low, mut high) = (-greatest.ln(), f64::from(most).ln() - least.ln());
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if sum(middle) <= total as f64 { low = middle } else { high = middle }
    }
    low.exp()
}

fn quota(share: f64, most: u32) -> f64 {
    share.clamp(1.0, f64::from(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::Rng;
    use proptest::prelude::*;

    fn items(population: u32, exponent: f64, replicas: f64, replication: Replication) -> Items {
        Items { population, exponent, replicas, replication, ..Items::default() }
    }

    fn replication() -> impl Strategy<Value = Replication> {
        prop_oneof![
            Just(Replication::Uniform),
            Just(Replication::Proportional),
            Just(Replication::SquareRoot),
        ]
    }

    proptest! {
        #[test]
        fn copies_add_up_within_their_bounds(
            population in 1..300_u32,
            exponent in 0.0..20.0,
            most in 1..500_u32,
            fill in 0.0..=1.0,
            replication in replication(),
        ) {
            let replicas = 1.0 + fill * f64::from(most - 1);
            let items = items(population, exponent, replicas, replication);
            let copies = copies(&items, most, &mut Rng::new(1, 0));
            let total: u64 = copies.iter().map(|&count| u64::from(count)).sum();
            prop_assert_eq!(total, (f64::from(population) * replicas).round() as u64);
            prop_assert!(copies.iter().all(|count| (1..=most).contains(count)));
            // Less popular items do not have more copies, except for random ties.
            prop_assert!(copies.windows(2).all(|pair| pair[1] <= pair[0] + 1));
        }
    }

    #[test]
    fn copies_follow_the_rule() {
        for (replication, skew) in [
            (Replication::Uniform, 0.0),
            (Replication::Proportional, 0.8),
            (Replication::SquareRoot, 0.4),
        ] {
            let items = items(500, 0.8, 100.0, replication);
            let copies = copies(&items, 100_000, &mut Rng::new(1, 0));
            let sum: f64 = (1..=500).map(|rank| f64::from(rank).powf(-skew)).sum();
            for (rank, &count) in (1..).zip(&copies) {
                let share = 50_000.0 * f64::from(rank).powf(-skew) / sum;
                assert!((f64::from(count) - share).abs() <= 1.0, "{rank}: {count}, {share}");
            }
        }
    }
}
