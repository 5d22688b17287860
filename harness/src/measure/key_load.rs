//! Keys per host in a ring, and what consistent hashing makes one expect.
//!
//! A node owns the keys after the node before it, up to itself. A host owns what its nodes own. Let N
//! hosts have v identifiers each, all independent and uniform, and let there be K random keys.
//!
//! *Share.* The identifiers cut the circle into N·v arcs, whose lengths are jointly
//! Dirichlet(1, …, 1). So the share S of a host, the sum of v of them, is Beta(v, (N − 1)·v), close to a
//! gamma variable of shape v and mean 1/N:
//!
//! ```text
//!   mean 1/N      variance (N − 1) / (N² (N·v + 1))      deviation / mean → 1/√v
//! ```
//!
//! *Keys.* Given its share, a host has Binomial(K, S) keys. Without it, their number C is beta-binomial:
//!
//! ```text
//!   mean μ = K/N      variance μ (1 − 1/N) (N·v + K) / (N·v + 1)      variance / μ² → 1/v + 1/μ
//! ```
//!
//! *Percentiles* follow by adding up probabilities. With b = (N − 1)·v,
//!
//! ```text
//!   P(C = 0)     = Π (b + i) / (K + b + i)  for i = 0 … v − 1
//!   P(C = c + 1) = P(C = c) · (K − c) (v + c) / ((c + 1) (K − c − 1 + b))
//! ```
//!
//! With one identifier and many keys per host, C is close to exponential: the 1st, 50th and 99th
//! percentiles are 0.01, 0.69 and 4.6 times the mean.
//!
//! *Maximum.* Shares of different hosts are nearly independent: P(max ≤ c) ≈ P(C ≤ c)^N, whose median is
//! the quantile 2^(−1/N) of C. With v = 1, the mean of the greatest share is exactly
//! (1 + 1/2 + … + 1/N) / N, near (ln N) / N: with 10^4 hosts, 9.8 times the mean.
//!
//! **Invariant:** counts in the exact ring; asks no node.

use hopwise_kernel::Id;

/// The number of keys that each host owns, if `ring` has all nodes, each with the number of its host. In
/// the order of the hosts' numbers, without those that have no node. Sorts `ring`.
#[must_use]
pub fn keys_per_host(ring: &mut [(Id, u32)], keys: impl Iterator<Item = Id>) -> Vec<u64> {
    ring.sort_unstable();
    let ids: Vec<Id> = ring.iter().map(|&(id, _)| id).collect();
    let mut of_nodes = vec![0_u64; ids.len()];
    if !ids.is_empty() {
        for key in keys {
            let owner = ids.partition_point(|&id| id < key);
            of_nodes[if owner < ids.len() { owner } else { 0 }] += 1;
        }
    }
    let hosts = ring.iter().map(|&(_, host)| host as usize + 1).max().unwrap_or(0);
    let mut of_hosts: Vec<Option<u64>> = vec![None; hosts];
    for (&(_, host), keys) in ring.iter().zip(of_nodes) {
        *of_hosts[host as usize].get_or_insert(0) += keys;
    }
    of_hosts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hopwise_kernel::{Distance, Rng};

    use crate::measure::outcome::Keys;

    const HOSTS: u32 = 10_000;
    const KEYS: u32 = 1_000_000;

    /// The probabilities that a host has at most 0, 1, 2, … keys, by the theory of the module.
    fn distribution(hosts: u32, nodes: u32, keys: u32) -> impl Iterator<Item = f64> {
        let (v, k) = (f64::from(nodes), f64::from(keys));
        let b = (f64::from(hosts) - 1.0) * v;
        let first = (0..nodes).map(f64::from).map(|i| (b + i) / (k + b + i)).product::<f64>();
        let next = move |state: &mut (f64, f64, f64), _: ()| {
            let &mut (c, chance, sum) = state;
            *state = (
                c + 1.0,
                chance * (k - c) * (v + c) / ((c + 1.0) * (k - c - 1.0 + b)),
                sum + chance,
            );
            Some(state.2)
        };
        std::iter::repeat_n((), keys as usize + 1).scan((0.0, first, 0.0), next)
    }

    fn quantile(hosts: u32, nodes: u32, keys: u32, share: f64) -> u64 {
        distribution(hosts, nodes, keys).take_while(|&at_most| at_most < share).count() as u64
    }

    #[test]
    fn keys_belong_to_the_first_node_at_or_after_them() {
        let id = |place| Id::ZERO.add(Distance::multiple_of_power(place, 157));
        let mut ring = [(id(5), 7), (id(1), 2), (id(3), 7)];
        let keys = [0, 1, 2, 3, 4, 6, 7].map(id);
        assert_eq!(keys_per_host(&mut ring, keys.into_iter()), [4, 3]);
        assert_eq!(keys_per_host(&mut [], keys.into_iter()), [] as [u64; 0]);
        assert_eq!(keys_per_host(&mut [(id(4), 0)], keys.into_iter()), [7], "one owns all");
    }

    /// Of small systems, the distribution is known otherwise: with two hosts of one identifier each, every
    /// number of keys is as likely.
    #[test]
    fn the_theory_is_uniform_for_two_hosts() {
        let sums: Vec<f64> = distribution(2, 1, 9).collect();
        assert_eq!(sums.len(), 10);
        for (at_most, count) in sums.iter().zip(1..) {
            assert!((at_most - f64::from(count) / 10.0).abs() < 1e-12, "{sums:?}");
        }
    }

    /// The theory's mean and variance are those of its formulas.
    #[test]
    fn the_moments_are_those_of_the_formulas() {
        for (hosts, nodes, keys) in [(10, 1, 200), (50, 5, 1000), (7, 20, 300)] {
            let sums: Vec<f64> = distribution(hosts, nodes, keys).collect();
            let mean: f64 = sums.iter().map(|at_most| 1.0 - at_most).sum();
            let square: f64 = (0..)
                .map(|c| 2.0 * f64::from(c) + 1.0)
                .zip(&sums)
                .map(|(w, p)| w * (1.0 - p))
                .sum();
            let (n, v, k) = (f64::from(hosts), f64::from(nodes), f64::from(keys));
            let expected = k / n * (1.0 - 1.0 / n) * (n * v + k) / (n * v + 1.0);
            assert!((mean - k / n).abs() < 1e-6, "{mean}");
            assert!((square - mean * mean - expected).abs() < 1e-6 * expected, "{expected}");
        }
    }

    /// The rank of a sampled percentile p of n hosts deviates by √(p (1 − p) / n), or less, because
    /// shares add up to one. So the percentile lies between the quantiles four deviations below and above,
    /// but for one case in 10^4.
    #[test]
    fn percentiles_are_those_of_the_theory() {
        for nodes in [1, 5] {
            let mut rng = Rng::new(17, nodes.into());
            let ids = (0..HOSTS * nodes).map(|node| (Id::random(&mut rng), node / nodes));
            let mut ring: Vec<(Id, u32)> = ids.collect();
            let keys = (0..KEYS).map(|_| Id::random(&mut rng));
            let found = Keys::new(keys_per_host(&mut ring, keys));
            assert!((found.keys_mean - 100.0).abs() < 1e-9);
            for (share, percentile) in [(0.01, found.p1), (0.5, found.p50), (0.99, found.p99)] {
                let deviation = (share * (1.0 - share) / f64::from(HOSTS)).sqrt();
                let at =
                    |deviations: f64| quantile(HOSTS, nodes, KEYS, share + deviations * deviation);
                let expected = at(-4.0)..=at(4.0);
                assert!(
                    expected.contains(&percentile),
                    "{nodes}, {share}: {percentile}, {expected:?}"
                );
            }
            // The maximum lies between its quantiles 10^-4 and 1 - 10^-4.
            let of_one = |share: f64| share.powf(1.0 / f64::from(HOSTS));
            let expected = quantile(HOSTS, nodes, KEYS, of_one(1e-4))
                ..=quantile(HOSTS, nodes, KEYS, of_one(1.0 - 1e-4));
            assert!(expected.contains(&found.max), "{nodes}: {}, {expected:?}", found.max);
        }
    }
}
