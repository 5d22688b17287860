//! How many keys one node may have to store.
//!
//! **Invariant:** a bound, never an average.

/// How many of so many keys one of `nodes` nodes may have to store, if each key is on `replicas` nodes.
/// The keys of a node lie on the arcs of `replicas` neighbours. Arcs are roughly exponential, so their
/// number is negative binomial. In one of a hundred systems that have lost a third of their nodes, some
/// node needs more.
pub(super) fn keys_of_one_node(keys: u32, replicas: u8, nodes: u32) -> u32 {
    const GONE: f64 = 1.0 / 3.0;
    const SYSTEMS_BEYOND: f64 = 1e-2;
    let per_arc = f64::from(keys) / (f64::from(nodes) * (1.0 - GONE)).max(1.0);
    let beyond = SYSTEMS_BEYOND / f64::from(nodes);
    negative_binomial_quantile(replicas, per_arc, beyond, keys)
}

/// The least number that the sum of `arcs` geometric variables, each of this mean, exceeds with a
/// probability of `beyond` at most; `most` if that is less.
fn negative_binomial_quantile(arcs: u8, mean: f64, beyond: f64, most: u32) -> u32 {
    let (arcs, success) = (f64::from(arcs), 1.0 / (1.0 + mean));
    // Logarithms, because a population of a million may lie on one node.
    let mut log_chance = arcs * success.ln();
    let (mut at_most, mut count) = (log_chance.exp(), 0_u32);
    let is_past_the_mean = |count: u32| f64::from(count) > arcs * mean;
    while count < most && (!is_past_the_mean(count) || 1.0 - at_most > beyond.max(1e-12)) {
        count += 1;
        let ratio = (f64::from(count) + arcs - 1.0) / f64::from(count) * (1.0 - success);
        log_chance += ratio.ln();
        at_most += log_chance.exp();
        if is_past_the_mean(count) && log_chance < -60.0 {
            break; // What is left is rounding.
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A single arc: geometric, exceeded with probability (m / (1 + m))^(k + 1).
    #[test]
    fn one_arc_is_geometric() {
        for (mean, beyond) in [(1.0, 1e-6), (3.0, 1e-3), (100.0, 1e-7)] {
            let expected = (f64::ln(beyond) / f64::ln(mean / (1.0 + mean))).ceil() - 1.0;
            let found = negative_binomial_quantile(1, mean, beyond, u32::MAX);
            assert!((f64::from(found) - expected).abs() <= 1.0, "{found} instead of {expected}");
        }
    }
}
